//go:build !linux && !windows

package rdp

import (
	"context"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// look finds no server: this system has none of this kind.
func (m *module) look() (state, error) { return state{}, bindings.ErrUnsupported }

func (m *module) apply(context.Context, changes) error { return bindings.ErrUnsupported }
