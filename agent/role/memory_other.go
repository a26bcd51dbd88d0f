//go:build !linux

package role

// memory is what a worker may hold, however it came by it: the world's 64 MiB of live values with the collector's room.
const memory = 256 << 20
