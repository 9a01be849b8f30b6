// Command interop is the other side of the interop tests: a client and a server by grpc-go.
//
//	interop server             listens on loopback, prints its port, serves until its input ends
//	interop client ADDRESS     makes calls of all kinds and prints what it saw as JSON
//	interop config ADDRESS FILE     calls with the service config of a file and prints what came of it as JSON
package main

import (
	"context"
	"fmt"
	"os"

	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/stats"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "server":
		err = serve()
	case len(os.Args) == 3 && os.Args[1] == "client":
		err = call(os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == "config":
		err = callWith(os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("usage: interop server | interop client ADDRESS | interop config ADDRESS FILE")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// sizes notes how large the last message of a call was on the wire, in each direction.
type sizes struct{ in, out int }

type sizesKey struct{}

// observer measures messages; the context of each call holds its sizes.
type observer struct{}

func (observer) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	if ctx.Value(sizesKey{}) != nil {
		return ctx
	}
	return context.WithValue(ctx, sizesKey{}, &sizes{})
}

func (observer) HandleRPC(ctx context.Context, event stats.RPCStats) {
	seen, ok := ctx.Value(sizesKey{}).(*sizes)
	if !ok {
		return
	}
	switch event := event.(type) {
	case *stats.InPayload:
		seen.in = event.CompressedLength
	case *stats.OutPayload:
		seen.out = event.CompressedLength
	}
}

func (observer) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (observer) HandleConn(context.Context, stats.ConnStats) {}
