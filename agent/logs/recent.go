package logs

import (
	"slices"
	"time"
)

// What is kept in memory: so many errors, of which so many may be one service's, lest a role that fails all the time
// hides the rest.
const (
	maxRecent  = 20
	maxOfOne   = 5
	recentText = 1 << 10 // bytes of each
)

// Entry is a line that was logged, as it stands in the file: masked, and without a control character.
type Entry struct {
	At      time.Time
	Service string
	Text    string
}

// Recent is the last errors, oldest first.
func (l *Logs) Recent() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.recent)
}

// rememberLocked keeps an error. One that says the same as the service's last takes its place.
func (l *Logs) rememberLocked(e Entry) {
	e.Text = string(clip([]byte(e.Text), recentText))
	l.recent = slices.DeleteFunc(l.recent, func(r Entry) bool { return r.Service == e.Service && r.Text == e.Text })
	l.recent = append(l.recent, e)
	own := 0
	for _, r := range l.recent {
		if r.Service == e.Service {
			own++
		}
	}
	if own > maxOfOne {
		oldest := slices.IndexFunc(l.recent, func(r Entry) bool { return r.Service == e.Service })
		l.recent = slices.Delete(l.recent, oldest, oldest+1)
	}
	if len(l.recent) > maxRecent {
		l.recent = slices.Delete(l.recent, 0, 1)
	}
}
