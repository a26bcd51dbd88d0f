package service

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// Notifier tells systemd how the service is (sd_notify). Its zero value tells nobody: that of a program that systemd
// did not start.
type Notifier struct {
	socket string
	every  time.Duration // a sign of life is due
}

// TakeNotifier reads from the environment what systemd says to its services, and takes it out of there: what is started
// from here is not to speak for the service.
func TakeNotifier() Notifier {
	n := Notifier{socket: os.Getenv("NOTIFY_SOCKET")}
	pid := os.Getenv("WATCHDOG_PID")
	if us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.every = time.Duration(us) * time.Microsecond / 3
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"} {
		_ = os.Unsetenv(name) // fails for empty names only
	}
	return n
}

// Ready says that the service does its work.
func (n Notifier) Ready() error { return n.say("READY=1") }

// Live gives signs of life until ctx ends, for as long as alive returns: one that hangs ends the service.
func (n Notifier) Live(ctx context.Context, alive func()) error {
	if n.socket == "" || n.every <= 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(n.every)
	defer tick.Stop()
	for {
		alive()
		if err := n.say("WATCHDOG=1"); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// say sends one datagram. A name with "@" in front is Linux' abstract one, as net has it too.
func (n Notifier) say(text string) error {
	if n.socket == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte(text))
	return err
}
