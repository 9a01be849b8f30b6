package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "protomesh.example/interop/gen/interop/v1"
)

// results is what the test compares, by case.
type results map[string]any

func call(address string) error {
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(observer{}))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := pb.NewInteropClient(connection)
	seen := results{}
	for name, run := range map[string]func(pb.InteropClient) (any, error){
		"unary": unary, "serverStream": serverStream, "clientStream": clientStream, "bidi": bidi,
		"noDeadline": noDeadline, "compressed": compressed, "large": large, "tooLarge": tooLarge,
		"failure": failure, "failureAfterReplies": failureAfterReplies, "deadline": deadline,
		"cancelUnary": cancelUnary, "cancelStream": cancelStream,
	} {
		result, err := run(client)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		seen[name] = result
	}
	return json.NewEncoder(os.Stdout).Encode(seen)
}

// everyByte is a value that no text could carry.
func everyByte() string {
	all := make([]byte, 256)
	for n := range all {
		all[n] = byte(n)
	}
	return string(all)
}

func withMetadata(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-text", "one", "x-text", "two", "x-bytes-bin", everyByte())
}

func came(md metadata.MD) results {
	bin := md.Get("x-bytes-bin")
	return results{"text": strings.Join(md.Get("x-text"), ", "), "bytes": len(bin) == 1 && bin[0] == everyByte()}
}

func within(timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), timeout)
}

func unary(client pb.InteropClient) (any, error) {
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	var headers, trailers metadata.MD
	reply, err := client.Unary(withMetadata(ctx), &pb.Echo{Text: "hello ☺"}, grpc.Header(&headers), grpc.Trailer(&trailers))
	if err != nil {
		return nil, err
	}
	inTime := reply.LeftMs > 4000 && reply.LeftMs <= 5000
	return results{"text": reply.Text, "inTime": inTime, "headers": came(headers), "trailers": came(trailers)}, nil
}

func noDeadline(client pb.InteropClient) (any, error) {
	reply, err := client.Unary(context.Background(), &pb.Echo{})
	if err != nil {
		return nil, err
	}
	return reply.LeftMs, nil
}

func serverStream(client pb.InteropClient) (any, error) {
	stream, err := client.ServerStream(withMetadata(context.Background()), &pb.Echo{Text: "x", Count: 50})
	if err != nil {
		return nil, err
	}
	headers, err := stream.Header()
	if err != nil {
		return nil, err
	}
	count, err := drain(stream)
	if err != nil {
		return nil, err
	}
	return results{"count": count, "headers": came(headers), "trailers": came(stream.Trailer())}, nil
}

// drain reads a stream to its end; the error is nil when that was OK.
func drain(stream interface{ Recv() (*pb.Echo, error) }) (int, error) {
	for count := 0; ; count++ {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return count, nil
		} else if err != nil {
			return count, err
		}
	}
}

func clientStream(client pb.InteropClient) (any, error) {
	stream, err := client.ClientStream(context.Background())
	if err != nil {
		return nil, err
	}
	for _, text := range []string{"a", "b", "c"} {
		if err := stream.Send(&pb.Echo{Text: text}); err != nil {
			return nil, err
		}
	}
	reply, err := stream.CloseAndRecv()
	if err != nil {
		return nil, err
	}
	return results{"text": reply.Text, "count": reply.Count}, nil
}

func bidi(client pb.InteropClient) (any, error) {
	stream, err := client.Bidi(context.Background())
	if err != nil {
		return nil, err
	}
	var texts []string
	for n := range 20 {
		if err := stream.Send(&pb.Echo{Text: fmt.Sprint(n)}); err != nil {
			return nil, err
		}
		reply, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		texts = append(texts, reply.Text)
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	rest, err := drain(stream)
	return results{"texts": len(texts), "last": texts[19], "rest": rest}, err
}

func compressed(client pb.InteropClient) (any, error) {
	text := strings.Repeat("again and ", 1000)
	measured := &sizes{}
	ctx := context.WithValue(context.Background(), sizesKey{}, measured)
	reply, err := client.Packed(ctx, &pb.Echo{Text: text}, grpc.UseCompressor("gzip"))
	if err != nil {
		return nil, err
	}
	return results{"same": reply.Text == text, "small": measured.out > 0 && measured.out < 1000}, nil
}

func large(client pb.InteropClient) (any, error) {
	payload := bytes.Repeat([]byte("0123456789"), 800_000)
	reply, err := client.Unary(context.Background(), &pb.Echo{Payload: payload}, grpc.MaxCallRecvMsgSize(16<<20))
	if err != nil {
		return nil, err
	}
	return bytes.Equal(reply.Payload, payload), nil
}

func tooLarge(client pb.InteropClient) (any, error) {
	_, err := client.Small(context.Background(), &pb.Echo{Payload: make([]byte, 2000)})
	plain := status.Code(err)
	_, err = client.Small(context.Background(), &pb.Echo{Payload: make([]byte, 2000)}, grpc.UseCompressor("gzip"))
	return results{"plain": plain.String(), "compressed": status.Code(err).String()}, nil
}

func described(err error) results {
	failure := status.Convert(err)
	seen := results{"code": failure.Code().String(), "text": failure.Message()}
	for _, detail := range failure.Details() {
		switch detail := detail.(type) {
		case *errdetails.BadRequest:
			seen["field"] = detail.FieldViolations[0].Field
		case *errdetails.RetryInfo:
			seen["retryMs"] = detail.RetryDelay.AsDuration().Milliseconds()
		case *errdetails.ErrorInfo:
			seen["reason"] = detail.Reason + " " + detail.Domain + " " + detail.Metadata["k"]
		}
	}
	return seen
}

func failing(client pb.InteropClient, replies uint32) (any, error) {
	stream, err := client.Fail(context.Background(), &pb.Echo{Count: replies})
	if err != nil {
		return nil, err
	}
	count, err := drain(stream)
	seen := described(err)
	seen["count"] = count
	seen["trailer"] = strings.Join(stream.Trailer().Get("t-text"), ", ")
	return seen, nil
}

func failure(client pb.InteropClient) (any, error) { return failing(client, 0) }

func failureAfterReplies(client pb.InteropClient) (any, error) { return failing(client, 40) }

// ended asks the server what it noticed.
func ended(client pb.InteropClient, key string, err error) (any, error) {
	reply, problem := client.Ended(context.Background(), &pb.Echo{Text: key})
	if problem != nil {
		return nil, problem
	}
	return results{"client": status.Code(err).String(), "server": reply.Text}, nil
}

func deadline(client pb.InteropClient) (any, error) {
	ctx, cancel := within(100 * time.Millisecond)
	defer cancel()
	_, err := client.Wait(ctx, &pb.Echo{Text: "go deadline"})
	return ended(client, "go deadline", err)
}

func cancelUnary(client pb.InteropClient) (any, error) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := client.Wait(ctx, &pb.Echo{Text: "go cancel"})
	return ended(client, "go cancel", err)
}

func cancelStream(client pb.InteropClient) (any, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := client.WaitStream(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(&pb.Echo{Text: "go cancel stream"}); err != nil {
		return nil, err
	}
	if _, err := stream.Recv(); err != nil {
		return nil, err
	}
	cancel()
	_, err = stream.Recv()
	if status.Code(err) == codes.OK {
		return nil, errors.New("the stream went on")
	}
	return ended(client, "go cancel stream", err)
}
