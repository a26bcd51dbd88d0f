package engine

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

const (
	nonceLen    = 32
	siblingPoll = 2 * time.Second // how often the tokens of the process that enrolls are looked for
	pollAtLeast = time.Second
	pollAtMost  = 15 * time.Second
	pollUnknown = 5 * time.Second // between polls when the Engine names no time
)

// enroll enrolls the device, or finds that the other process has done so. It is called with the turn.
func (c *Client) enroll(ctx context.Context) error {
	unlock, err := c.enrollmentLock(ctx)
	if err != nil || unlock == nil {
		return err
	}
	defer unlock()
	text, err := c.code()
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.lastCode = text
	c.mu.Unlock()
	code, err := c.unwrapCode(text)
	if err != nil {
		return err
	}
	poll, ticket, err := c.ask(ctx, code)
	if err != nil {
		if is(err, http.StatusBadRequest, "invalid_enrollment_code", "code_consumed") {
			return c.codeRefused(err)
		}
		return err
	}
	decision, over, err := c.await(ctx, poll, ticket)
	if err != nil {
		return err
	}
	return c.adopt(decision, over)
}

// enrollmentLock waits until this process may enroll. A nil unlock without an error says that the other process has
// enrolled the device meanwhile.
func (c *Client) enrollmentLock(ctx context.Context) (unlock func(), err error) {
	for {
		unlock, err = c.cfg.Tree.TryLock(settings.LockEnrollment)
		if err != nil && !errors.Is(err, settings.ErrLocked) {
			return nil, err
		}
		reloaded := c.reload()
		if reloaded != nil || c.held().Refresh != "" {
			if unlock != nil {
				unlock()
			}
			return nil, reloaded
		}
		if unlock != nil {
			return unlock, nil
		}
		c.setState(StateWaiting)
		if err := sleep(ctx, siblingPoll); err != nil {
			return nil, err
		}
	}
}

// code is the enrollment code: of the flag or the environment, else of the settings.
func (c *Client) code() (string, error) {
	if code := strings.TrimSpace(c.cfg.Code()); code != "" {
		return code, nil
	}
	code, err := c.cfg.Tree.EnrollmentCode(c.cfg.Label)
	if err != nil {
		return "", err
	}
	if code.Text == "" {
		return "", ErrNoCode
	}
	return code.Text, nil
}

// unwrapCode takes the Engine's fingerprint off a code of the form CODE@sha256:FINGERPRINT, and has the door expect it.
func (c *Client) unwrapCode(text string) (string, error) {
	code, mark, found := strings.Cut(text, "@")
	if !found || !strings.HasPrefix(strings.ToLower(mark), "sha256:") {
		return text, nil
	}
	print, err := ParseFingerprint(mark)
	if err != nil {
		return "", fmt.Errorf("enrollment code: %w", err)
	}
	return strings.TrimSpace(code), c.door.expect(print)
}

// codeRefused is a refused code, unless the other process had it first and its tokens are here.
func (c *Client) codeRefused(cause error) error {
	if err := c.reload(); err != nil {
		return err
	}
	if c.held().Refresh != "" {
		return nil
	}
	c.setState(StateCodeRefused)
	return fmt.Errorf("%w: %w", ErrCode, cause)
}

// ask asks for approval. What the answer says about trust is taken up before anything else is sent.
func (c *Client) ask(ctx context.Context, code string) (wire.EnrollPoll, wire.EnrollTicket, error) {
	var ticket wire.EnrollTicket
	nonce := make([]byte, nonceLen)
	if _, err := io.ReadFull(c.cfg.Rand, nonce); err != nil {
		return wire.EnrollPoll{}, ticket, fmt.Errorf("nonce: %w", err)
	}
	body, err := encode(wire.EnrollRequest{
		Hostname: c.cfg.Hostname, EnrollmentCode: code, AgentPubkey: c.cfg.Identity.PublicKey(),
		ClientNonce: base64.StdEncoding.EncodeToString(nonce),
	})
	if err != nil {
		return wire.EnrollPoll{}, ticket, err
	}
	over, err := c.do(ctx, posting{path: wire.PathEnrollRequest, body: body}, &ticket)
	if err != nil {
		return wire.EnrollPoll{}, ticket, err
	}
	c.trust(ticket.ServerCertificate, ticket.SigningKey, over)
	if err := c.door.settle(); err != nil {
		return wire.EnrollPoll{}, ticket, err
	}
	poll, err := c.prove(ticket, nonce)
	return poll, ticket, err
}

// prove makes the poll of a ticket: the signature covers the server's nonce, the reference's text and our nonce, one
// after the other.
func (c *Client) prove(ticket wire.EnrollTicket, nonce []byte) (wire.EnrollPoll, error) {
	switch ticket.Status {
	case wire.StatusPending, wire.StatusApproved, wire.StatusCompleted:
	default:
		return wire.EnrollPoll{}, fmt.Errorf("enrollment request: %w: status %q", ErrAnswer, ticket.Status)
	}
	theirs, err := base64.StdEncoding.DecodeString(ticket.ServerNonce)
	if err != nil || len(theirs) == 0 || ticket.ApprovalReference == "" {
		return wire.EnrollPoll{}, fmt.Errorf("enrollment request: %w: reference or nonce is missing or broken", ErrAnswer)
	}
	message := append(append(theirs, ticket.ApprovalReference...), nonce...)
	return wire.EnrollPoll{
		ApprovalReference: ticket.ApprovalReference,
		ClientNonce:       base64.StdEncoding.EncodeToString(nonce),
		ProofSig:          base64.StdEncoding.EncodeToString(c.cfg.Identity.Sign(message)),
	}, nil
}

// await polls until the operator has decided. A call that fails on the way there changes nothing: the approval may
// come with the next one.
func (c *Client) await(ctx context.Context, poll wire.EnrollPoll, ticket wire.EnrollTicket) (wire.EnrollDecision, *tls.ConnectionState, error) {
	body, err := encode(poll)
	if err != nil {
		return wire.EnrollDecision{}, nil, err
	}
	c.setState(StatePending)
	c.log.Info("waiting for an operator to approve this device", "reference", ticket.ApprovalReference)
	wait := clampPoll(ticket.PollAfterMS)
	failures := pace{first: 2 * time.Second, most: time.Minute}
	for {
		if err := sleep(ctx, wait); err != nil {
			return wire.EnrollDecision{}, nil, err
		}
		var decision wire.EnrollDecision
		over, err := c.do(ctx, posting{path: wire.PathEnrollPoll, body: body}, &decision)
		switch {
		case err == nil && decision.Status == wire.StatusPending:
			wait, failures.failures = clampPoll(decision.PollAfterMS), 0
		case err == nil:
			return decision, over, c.judge(decision)
		case passing(err) && ctx.Err() == nil:
			wait = c.jittered(failures.next())
			c.log.Debug("enrollment poll", "error", err, "next", wait)
		case ctx.Err() != nil:
			return decision, nil, context.Cause(ctx)
		default:
			return decision, nil, fmt.Errorf("%w: %w", ErrLapsed, err)
		}
	}
}

// judge turns a decision other than pending into an error, unless it brings the tokens.
func (c *Client) judge(d wire.EnrollDecision) error {
	switch d.Status {
	case wire.StatusApproved, wire.StatusCompleted:
		if d.GUID == "" || d.AccessToken == "" || d.RefreshToken == "" {
			return fmt.Errorf("%w: it was approved, but the answer with the tokens was lost; it has to be approved once more", ErrLapsed)
		}
		return nil
	case wire.StatusDenied:
		c.setState(StateDenied)
		return fmt.Errorf("%w: %q", ErrDenied, d.Reason)
	}
	return fmt.Errorf("%w: status %q", ErrLapsed, d.Status)
}

// passing says whether a failed poll leaves the enrollment as it was. An answer that is not the Engine's JSON comes
// from something in between.
func passing(err error) bool {
	var e *StatusError
	if errors.As(err, &e) {
		return e.Status >= 500 || e.Status == http.StatusTooManyRequests || e.Word == ""
	}
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrUntrusted) || errors.Is(err, ErrAnswer)
}

func clampPoll(after wire.Number) time.Duration {
	if after == "" {
		return pollUnknown
	}
	return min(max(after.Duration(time.Millisecond), pollAtLeast), pollAtMost)
}
