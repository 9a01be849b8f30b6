package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "protomesh.example/interop/gen/interop/v1"
)

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.StatsHandler(observer{}), grpc.MaxRecvMsgSize(6<<20))
	pb.RegisterInteropServer(server, &implementation{ended: map[string]chan codes.Code{}})
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	return server.Serve(listener)
}

type implementation struct {
	pb.UnimplementedInteropServer
	mutex sync.Mutex
	ended map[string]chan codes.Code
}

func (s *implementation) endOf(key string) chan codes.Code {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended[key] == nil {
		s.ended[key] = make(chan codes.Code, 1)
	}
	return s.ended[key]
}

// echoed copies metadata of the request.
func echoed(ctx context.Context) metadata.MD {
	incoming, _ := metadata.FromIncomingContext(ctx)
	md := metadata.MD{}
	for _, key := range []string{"x-text", "x-bytes-bin"} {
		if values := incoming.Get(key); len(values) > 0 {
			md.Append(key, values...)
		}
	}
	return md
}

func leftMs(ctx context.Context) float64 {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return float64(time.Until(deadline)) / float64(time.Millisecond)
}

func (s *implementation) Unary(ctx context.Context, request *pb.Echo) (*pb.Echo, error) {
	if err := grpc.SetHeader(ctx, echoed(ctx)); err != nil {
		return nil, err
	}
	if err := grpc.SetTrailer(ctx, echoed(ctx)); err != nil {
		return nil, err
	}
	request.LeftMs = leftMs(ctx)
	if seen, ok := ctx.Value(sizesKey{}).(*sizes); ok {
		request.WireBytes = uint32(seen.in)
	}
	return request, nil
}

func (s *implementation) Packed(ctx context.Context, request *pb.Echo) (*pb.Echo, error) {
	if err := grpc.SetSendCompressor(ctx, "gzip"); err != nil {
		return nil, err
	}
	return s.Unary(ctx, request)
}

func (s *implementation) Small(ctx context.Context, request *pb.Echo) (*pb.Echo, error) {
	return s.Unary(ctx, request)
}

func (s *implementation) ServerStream(request *pb.Echo, stream grpc.ServerStreamingServer[pb.Echo]) error {
	if err := stream.SetHeader(echoed(stream.Context())); err != nil {
		return err
	}
	stream.SetTrailer(echoed(stream.Context()))
	for n := uint32(0); n < request.Count; n++ {
		if err := stream.Send(&pb.Echo{Text: request.Text, Count: n}); err != nil {
			return err
		}
	}
	return nil
}

func (s *implementation) ClientStream(stream grpc.ClientStreamingServer[pb.Echo, pb.Echo]) error {
	var texts []string
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&pb.Echo{Text: strings.Join(texts, ""), Count: uint32(len(texts))})
		}
		if err != nil {
			return err
		}
		texts = append(texts, message.Text)
	}
}

func (s *implementation) Bidi(stream grpc.BidiStreamingServer[pb.Echo, pb.Echo]) error {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
}

func (s *implementation) Fail(request *pb.Echo, stream grpc.ServerStreamingServer[pb.Echo]) error {
	for n := uint32(0); n < request.Count; n++ {
		if err := stream.Send(&pb.Echo{Count: n}); err != nil {
			return err
		}
	}
	stream.SetTrailer(metadata.Pairs("t-text", "trailer"))
	failure, err := status.New(codes.FailedPrecondition, "not yet: ☺ 100 %").WithDetails(
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "text", Description: "wrong"}}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
		&errdetails.ErrorInfo{Reason: "NOT_YET", Domain: "interop", Metadata: map[string]string{"k": "v"}},
	)
	if err != nil {
		return err
	}
	return failure.Err()
}

func (s *implementation) Wait(ctx context.Context, request *pb.Echo) (*pb.Echo, error) {
	<-ctx.Done()
	code := status.FromContextError(ctx.Err()).Code()
	s.endOf(request.Text) <- code
	return nil, status.Error(code, "waited")
}

func (s *implementation) WaitStream(stream grpc.BidiStreamingServer[pb.Echo, pb.Echo]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if err := stream.Send(first); err != nil {
		return err
	}
	_, err = s.Wait(stream.Context(), first)
	return err
}

func (s *implementation) Ended(ctx context.Context, request *pb.Echo) (*pb.Echo, error) {
	select {
	case code := <-s.endOf(request.Text):
		return &pb.Echo{Text: code.String()}, nil
	case <-time.After(5 * time.Second):
		return &pb.Echo{Text: "still running"}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
