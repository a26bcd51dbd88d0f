package process

import "syscall"

// signal is the terminal's where it sends signals to what runs in front; here the program's group gets it.
func (t *terminal) signal(syscall.Signal) (sent bool) { return false }
