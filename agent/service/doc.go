// Package service makes a program a service of the operating system, starts and stops it there, and speaks with the
// system from inside it: systemd, Windows' service manager or its logon tasks, launchd. It promises that each step may
// be repeated, also after a crash in the midst of it, and that a definition is written whole or not at all. It knows
// nothing of Borealis: what is run, where it lies, and whether it does its work is its caller's to say.
package service
