package reload

import (
	"slices"
	"time"
)

// A role whose worker dies this often within this time is quarantined.
const (
	maxDeaths   = 5
	deathWindow = 10 * time.Minute
)

// deaths counts the deaths of one content of a role, and times its next start.
type deaths struct {
	pause time.Duration
	at    []time.Time
	timer *time.Timer
}

// add notes a death and reports whether it was one too many; else the next start is due after a pause that doubles.
func (d *deaths) add(now time.Time) bool {
	d.at = slices.DeleteFunc(d.at, func(t time.Time) bool { return now.Sub(t) > deathWindow })
	d.at = append(d.at, now)
	if len(d.at) >= maxDeaths {
		return true
	}
	d.timer = time.NewTimer(d.pause << (len(d.at) - 1))
	return false
}

// due is ready when the role should be started again; it never is while no start is planned.
func (d *deaths) due() <-chan time.Time {
	if d.timer == nil {
		return nil
	}
	return d.timer.C
}

// forget starts anew: other content, other chances.
func (d *deaths) forget() {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at, d.timer = nil, nil
}
