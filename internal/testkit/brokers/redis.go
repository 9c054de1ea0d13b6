package brokers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// RedisProcess is a Redis server of its own, which writes what it takes to a
// file before it answers.
type RedisProcess struct {
	dir  string
	port int
	cmd  *exec.Cmd
}

// OwnRedis starts a server of the test's own, which may be killed and started
// again; without the program redis-server it skips the test.
func OwnRedis(t testing.TB) *RedisProcess {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv(RequiredEnv) != "" {
			t.Fatalf("redis-server is required: %v", err)
		}
		t.Skip("there is no redis-server: its restart is not tested")
	}
	r, err := StartRedis(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r
}

// StartRedis starts a server whose file is in dir.
func StartRedis(dir string) (*RedisProcess, error) {
	free, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &RedisProcess{dir: dir, port: free.Addr().(*net.TCPAddr).Port}
	if err := free.Close(); err != nil {
		return nil, err
	}
	return r, r.start()
}

func (r *RedisProcess) start() error {
	r.cmd = exec.Command("redis-server", "--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--dir", r.dir,
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
	if err := r.cmd.Start(); err != nil {
		return err
	}
	return reachable(r.Addr())
}

// reachable waits until something listens at an address.
func reachable(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fmt.Errorf("brokers: nothing listens at %s: %w", address, err)
		}
	}
}

// Addr is where the server listens, also after a restart.
func (r *RedisProcess) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

// Restart kills the server and starts it again on the same port and file.
func (r *RedisProcess) Restart() error {
	r.Stop()
	return r.start()
}

// Stop kills the server.
func (r *RedisProcess) Stop() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}
