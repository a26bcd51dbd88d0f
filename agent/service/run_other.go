//go:build !windows

package service

import "context"

// Run carries out the service: here the system starts it as an ordinary program, which serve is.
func Run(ctx context.Context, _ Service, serve func(context.Context) error) error { return serve(ctx) }
