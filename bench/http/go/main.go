// grpc-gateway as its documentation sets it up: routes from the annotations, one connection to the backend.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	benchv1 "protomesh.example/bench/gen/bench/v1"
)

func main() {
	listen, backend := os.Args[1], os.Args[2]
	mux := runtime.NewServeMux()
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if err := benchv1.RegisterBenchHandlerFromEndpoint(context.Background(), mux, backend, options); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(listen, mux))
}
