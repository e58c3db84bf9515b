// A webhook sender of Redpanda Connect's parts: its engine (benthos) and its http_client output at their
// own settings, fed by an input of ours on franz-go, the Kafka client that Redpanda Connect uses.
// Configured by the environment: see the package's Python side.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
)

// The engine replaces the variables. What is not said of the output is at its default: a first try and three
// more, then the input hands the message out again. Nothing is logged, counted or traced per message.
const config = `
http: {enabled: false}
logger: {level: WARN}
metrics: {none: {}}
tracer: {none: {}}
input:
  franz: {brokers: "${BOOTSTRAP}", topic: "${TOPIC}", group: "${GROUP}"}
output:
  http_client:
    url: "${URL}"
    verb: "${METHOD:POST}"
    headers: {Content-Type: application/json}
    max_in_flight: ${IN_FLIGHT}
    tls: {enabled: %v, root_cas_file: "${CA_FILE:}"}
`

const drainSeconds = 20

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	inFlight, err := strconv.Atoi(os.Getenv("IN_FLIGHT"))
	if err != nil {
		return fmt.Errorf("IN_FLIGHT: %w", err)
	}
	keepConnections(inFlight)
	if err := registerKafkaInput(); err != nil {
		return err
	}
	stream, err := build()
	if err != nil {
		return err
	}
	asked, ignore := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer ignore()
	go func() {
		<-asked.Done()
		_ = stream.StopWithin(drainSeconds * time.Second) // What it says, Run says too.
	}()
	return stream.Run(context.Background())
}

// keepConnections lets as many idle connections live as there are requests in flight. The output uses Go's
// default transport, which keeps two per host: it would connect anew for most requests, at far higher cost.
func keepConnections(inFlight int) {
	transport := http.DefaultTransport.(*http.Transport)
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = inFlight, inFlight
}

func build() (*service.Stream, error) {
	builder := service.NewStreamBuilder()
	if err := builder.SetYAML(fmt.Sprintf(config, os.Getenv("CA_FILE") != "")); err != nil {
		return nil, err
	}
	return builder.Build()
}
