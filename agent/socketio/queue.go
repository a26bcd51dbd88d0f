package socketio

import "sync"

// queue is a first-in first-out of bounded length and bounded weight, in bytes. A value heavier than the bound is
// let in when nothing else waits. Receive from C and call release for each item.
type queue[T any] struct {
	C chan item[T]

	max  int64
	mu   sync.Mutex
	load int64
	room chan struct{} // closed, and replaced, when the load falls
}

type item[T any] struct {
	value  T
	weight int64
}

func newQueue[T any](length int, weight int64) *queue[T] {
	return &queue[T]{C: make(chan item[T], length), max: weight, room: make(chan struct{})}
}

// push waits for room until either channel is closed. It reports whether v was queued.
func (q *queue[T]) push(v T, weight int64, done, ended <-chan struct{}) bool {
	for {
		room, ok := q.reserve(weight)
		if ok {
			break
		}
		select {
		case <-room:
		case <-done:
			return false
		case <-ended:
			return false
		}
	}
	select {
	case q.C <- item[T]{v, weight}:
		return true
	case <-done:
	case <-ended:
	}
	q.release(item[T]{weight: weight})
	return false
}

// tryPush queues v if there is room now.
func (q *queue[T]) tryPush(v T, weight int64) bool {
	if _, ok := q.reserve(weight); !ok {
		return false
	}
	select {
	case q.C <- item[T]{v, weight}:
		return true
	default:
		q.release(item[T]{weight: weight})
		return false
	}
}

func (q *queue[T]) reserve(weight int64) (room <-chan struct{}, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.load > 0 && q.load+weight > q.max {
		return q.room, false
	}
	q.load += weight
	return nil, true
}

// release gives back the room of an item that was received.
func (q *queue[T]) release(it item[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.load -= it.weight
	close(q.room)
	q.room = make(chan struct{})
}
