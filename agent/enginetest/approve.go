package enginetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Resolution says what becomes of a claim to a host name that a device with another key owns.
type Resolution string

// Overwrite gives the device to the new key, Coexist makes a second device, and Undecided refuses the approval.
const (
	Undecided Resolution = ""
	Overwrite Resolution = "overwrite"
	Coexist   Resolution = "coexist"
)

// The ways in which an operator's word on an enrollment goes wrong.
var (
	ErrNoPending = errors.New("no such enrollment is pending")
	ErrAmbiguous = errors.New("more than one enrollment is pending")
	ErrConflict  = errors.New("another key owns this host name: overwrite it or coexist")
)

// Pending is an enrollment that waits for the operator.
type Pending struct {
	Reference   string    `json:"reference"`
	Hostname    string    `json:"hostname"`
	Fingerprint string    `json:"fingerprint"`
	Code        string    `json:"code"`
	RequestedAt time.Time `json:"requested_at"`
	// Conflict is the GUID of the device that owns the host name with another key.
	Conflict string `json:"conflict,omitempty"`
}

// Pending lists the enrollments that wait, oldest first.
func (e *Engine) Pending() []Pending { return orLogged(e, e.readPending) }

func (e *Engine) readPending() (list []Pending, err error) {
	err = e.store.tx(func(tx *sql.Tx) (err error) {
		list, err = listPending(tx)
		return err
	})
	return list, err
}

func listPending(tx *sql.Tx) ([]Pending, error) {
	rows, err := tx.Query(`SELECT a.reference, a.hostname, a.fingerprint, a.code, a.requested_at, coalesce(d.guid, '')
		FROM approvals a LEFT JOIN devices d ON d.hostname = a.hostname AND d.fingerprint <> a.fingerprint
		WHERE a.status = 'pending' ORDER BY a.requested_at, a.rowid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Pending{}
	for rows.Next() {
		var p Pending
		var at int64
		if err := rows.Scan(&p.Reference, &p.Hostname, &p.Fingerprint, &p.Code, &at, &p.Conflict); err != nil {
			return nil, err
		}
		p.RequestedAt = time.Unix(at, 0).UTC()
		list = append(list, p)
	}
	return list, rows.Err()
}

// WaitPending waits until an enrollment is pending and gives the oldest.
func (e *Engine) WaitPending(ctx context.Context) (p Pending, err error) {
	err = e.changed.wait(ctx, func() (bool, error) {
		list, err := e.readPending()
		if len(list) > 0 {
			p = list[0]
		}
		return len(list) > 0, err
	})
	return p, err
}

// Approve lets a pending enrollment through. ref is its reference, its host name, or the first characters of its
// fingerprint; empty means the only one there is. The device exists once its agent polled: until then the returned
// Device has the status "approved".
func (e *Engine) Approve(ref string) (Device, error) { return e.ApproveAs(ref, Undecided) }

// ApproveAs is Approve with a word on who gets a host name that another key owns.
func (e *Engine) ApproveAs(ref string, r Resolution) (d Device, err error) {
	err = e.decide(ref, func(tx *sql.Tx, a approval) error {
		guid, err := approve(tx, a, r)
		d = Device{GUID: guid, Hostname: a.hostname, Fingerprint: a.fingerprint, Status: statusApproved}
		return err
	})
	return d, err
}

// Deny refuses a pending enrollment, named as for Approve.
func (e *Engine) Deny(ref string) error {
	return e.decide(ref, func(tx *sql.Tx, a approval) error {
		_, err := moveApproval(tx, a.reference, statusPending, statusDenied, "")
		return err
	})
}

func (e *Engine) decide(ref string, f func(*sql.Tx, approval) error) error {
	err := e.store.tx(func(tx *sql.Tx) error {
		reference, err := pick(tx, ref)
		if err != nil {
			return err
		}
		a, err := findApproval(tx, `reference = ?`, reference)
		if err != nil {
			return err
		}
		return f(tx, *a)
	})
	e.changed.fire()
	return err
}

// pick finds the one pending enrollment that ref means.
func pick(tx *sql.Tx, ref string) (string, error) {
	list, err := listPending(tx)
	if err != nil {
		return "", err
	}
	var found []string
	for _, p := range list {
		if ref == "" || p.Reference == ref || strings.EqualFold(p.Hostname, ref) || strings.HasPrefix(p.Fingerprint, strings.ToLower(ref)) {
			found = append(found, p.Reference)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%q: %w", ref, ErrNoPending)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%q: %w: %s", ref, ErrAmbiguous, strings.Join(found, ", "))
}

// approve settles which GUID the claim gets. A known key keeps its GUID; that is why an agent never makes a second one.
func approve(tx *sql.Tx, a approval, r Resolution) (guid string, err error) {
	owner, err := findDevice(tx, `hostname = ?`, a.hostname)
	if err != nil {
		return "", err
	}
	known, err := findDevice(tx, `fingerprint = ?`, a.fingerprint)
	if err != nil {
		return "", err
	}
	switch {
	case owner != nil && owner.fingerprint == a.fingerprint:
		guid = owner.guid
	case owner != nil && r == Undecided:
		return "", fmt.Errorf("%q: %w", a.hostname, ErrConflict)
	case owner != nil && r == Overwrite:
		guid = owner.guid
	case known != nil:
		guid = known.guid
	default:
		guid = newGUID()
	}
	_, err = moveApproval(tx, a.reference, statusPending, statusApproved, guid)
	return guid, err
}
