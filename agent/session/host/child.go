package host

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
)

// leave is how long a host may take to close what is open and go, after it was hung up on.
const leave = 2 * time.Second

// child is the host's process.
type child struct {
	pid    int
	stdin  io.WriteCloser
	stdout io.ReadCloser
	stderr ipc.Words
	kill   func() error
	wait   func() error // until it is gone; once
	hung   sync.Once
	late   *time.Timer
}

// hangup ends what is said to the host. It has its time to close what is open and go, or is made to.
func (c *child) hangup() {
	c.hung.Do(func() {
		c.stdin.Close()
		c.late = time.AfterFunc(leave, func() {
			c.kill()
			c.stdout.Close()
		})
	})
}

// end waits until the process is gone, and says what it died of.
func (c *child) end(conversation error) error {
	c.hangup()
	err := c.wait()
	c.late.Stop()
	switch said := c.stderr.String(); {
	case said != "":
		return fmt.Errorf("session host died: %s", said)
	case err != nil:
		return fmt.Errorf("session host died: %w", err)
	}
	return fmt.Errorf("session host left: %w", conversation)
}
