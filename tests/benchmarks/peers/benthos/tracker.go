package main

import "sync"

// tracker finds, for one partition, how far everything from the first record on is finished. At most
// `limit` records lie between the oldest unfinished one and the newest: begin waits for room.
type tracker[T any] struct {
	mutex   sync.Mutex
	room    *sync.Cond
	limit   int
	pending []entry[T]
	first   int
	closed  bool
}

type entry[T any] struct {
	record T
	done   bool
}

func newTracker[T any](limit int) *tracker[T] {
	t := &tracker[T]{limit: limit}
	t.room = sync.NewCond(&t.mutex)
	return t
}

// begin takes a record in and returns its number for finish; false once the tracker is closed.
func (t *tracker[T]) begin(record T) (int, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for len(t.pending) >= t.limit && !t.closed {
		t.room.Wait()
	}
	if t.closed {
		return 0, false
	}
	t.pending = append(t.pending, entry[T]{record: record})
	return t.first + len(t.pending) - 1, true
}

// finish returns the last record before the oldest unfinished one, if this moved it.
func (t *tracker[T]) finish(number int) (last T, moved bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.closed {
		return last, false
	}
	t.pending[number-t.first].done = true
	for len(t.pending) > 0 && t.pending[0].done {
		last, moved = t.pending[0].record, true
		t.pending = t.pending[1:]
		t.first++
	}
	if moved {
		t.room.Signal()
	}
	return last, moved
}

// close lets nobody wait any longer, and nothing that finishes later count.
func (t *tracker[T]) close() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.closed = true
	t.room.Broadcast()
}
