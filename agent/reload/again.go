package reload

import "time"

// again times a slot's next attempt to bring something to life.
type again struct {
	pause time.Duration
	timer *time.Timer
}

// in plans an attempt after a pause that doubles with each attempt before it, up to 64 times.
func (a *again) in(attempts int) {
	a.forget()
	a.timer = time.NewTimer(a.pause << min(attempts, 6))
}

// due is ready when the attempt should be made; it never is while none is planned.
func (a *again) due() <-chan time.Time {
	if a.timer == nil {
		return nil
	}
	return a.timer.C
}

func (a *again) forget() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer = nil
}
