// Package brokers starts and finds the message brokers that the suite's own
// tests run on: an embedded NATS server always, Redis and RabbitMQ where the
// environment names one. Tests, benchmarks and the crash lab import it; it is
// apart from testkit, so that tests of storage do not link a server.
package brokers

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The variables that name a server. Tests use names of their own on it.
const (
	NATSEnv  = "ENGAGE_TEST_NATS"  // nats://host:port, with JetStream
	RedisEnv = "ENGAGE_TEST_REDIS" // host:port
	AMQPEnv  = "ENGAGE_TEST_AMQP"  // amqp://user:password@host:port/

	// RequiredEnv makes a server that is missing fail tests instead of skipping
	// them, as in testkit.
	RequiredEnv = "ENGAGE_TEST_REQUIRED"
)

// NATS answers the URL of the server that the environment names, or of one that
// lives as long as the test.
func NATS(t testing.TB) string {
	t.Helper()
	if url := os.Getenv(NATSEnv); url != "" {
		return url
	}
	if os.Getenv(RequiredEnv) != "" {
		t.Fatalf("%s is not set, and NATS is required", NATSEnv)
	}
	return OwnNATS(t).URL()
}

// Redis answers the address of the server that the environment names, or skips
// the test.
func Redis(t testing.TB) string { return named(t, RedisEnv, "Redis") }

// AMQP answers the URI of the broker that the environment names, or skips the
// test.
func AMQP(t testing.TB) string { return named(t, AMQPEnv, "RabbitMQ") }

func named(t testing.TB, env, broker string) string {
	t.Helper()
	address := os.Getenv(env)
	switch {
	case address != "":
	case os.Getenv(RequiredEnv) != "":
		t.Fatalf("%s is not set, and %s is required", env, broker)
	default:
		t.Skipf("%s is not set: %s is not tested", env, broker)
	}
	return address
}

// EmbeddedNATS is a NATS server in this process, which keeps its streams in a
// directory.
type EmbeddedNATS struct {
	options *server.Options
	server  *server.Server
}

// OwnNATS starts a server of the test's own, which may be restarted.
func OwnNATS(t testing.TB) *EmbeddedNATS {
	t.Helper()
	n, err := StartNATS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

// StartNATS starts a server whose streams are in dir.
func StartNATS(dir string) (*EmbeddedNATS, error) {
	n := &EmbeddedNATS{options: &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true,
	}}
	return n, n.start()
}

func (n *EmbeddedNATS) start() (err error) {
	if n.server, err = server.NewServer(n.options); err != nil {
		return err
	}
	n.server.Start()
	if !n.server.ReadyForConnections(20 * time.Second) {
		return fmt.Errorf("brokers: NATS does not start")
	}
	return nil
}

// URL is where the server listens, also after a restart.
func (n *EmbeddedNATS) URL() string { return n.server.ClientURL() }

// Restart stops the server and starts it again on the same port and streams.
func (n *EmbeddedNATS) Restart() error {
	n.Stop()
	return n.start()
}

// Stop ends the server.
func (n *EmbeddedNATS) Stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}
