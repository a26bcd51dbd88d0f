package process

import "github.com/bunny-lab-io/borealis-agent/bindings"

// signal is for systems that have signals.
func (p *proc) signal(string) error { return bindings.ErrUnsupported }
