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

// deaths are those of one content of a role.
type deaths []time.Time

// add notes a death and reports how many now count.
func (d *deaths) add(now time.Time) int {
	*d = slices.DeleteFunc(*d, func(t time.Time) bool { return now.Sub(t) > deathWindow })
	*d = append(*d, now)
	return len(*d)
}
