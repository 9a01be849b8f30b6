package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "protomesh.example/interop/gen/interop/v1"
)

// callWith calls a method with the service config of a file. A config that grpc-go refuses is an error.
func callWith(address, file string) error {
	config, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(string(config)))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := within(30 * time.Second)
	defer cancel()
	seen := results{}
	client := pb.NewInteropClient(connection)
	reply, err := client.Unary(ctx, &pb.Echo{Text: "retried"})
	seen["unary"] = results{"code": status.Code(err).String(), "text": reply.GetText()}
	_, err = client.Wait(context.Background(), &pb.Echo{Text: "service config"})
	seen["wait"] = status.Code(err).String()
	_, err = client.Small(ctx, &pb.Echo{Payload: make([]byte, 2000)})
	seen["small"] = status.Convert(err).Message()
	return json.NewEncoder(os.Stdout).Encode(seen)
}
