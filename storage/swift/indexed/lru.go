package indexed

import (
	"container/list"
	"sync"
)

// An lru keeps what was used last, up to a bound. It is safe for concurrent use.
type lru[K comparable, V any] struct {
	most  int64         // of the sum of costs
	cost  func(V) int64 // of keeping a value, in bytes of memory with all that belongs to it
	leave func(K, V)    // is told, under the lock, what has left; nil: nobody is

	mu    sync.Mutex // guards what follows
	used  int64
	order *list.List // of *kept[K, V], last used first
	byKey map[K]*list.Element
}

type kept[K comparable, V any] struct {
	key   K
	value V
	cost  int64
}

func newLRU[K comparable, V any](most int64, cost func(V) int64) *lru[K, V] {
	return &lru[K, V]{most: most, cost: cost, order: list.New(), byKey: map[K]*list.Element{}}
}

// get is the value of that key, if it is still kept.
func (l *lru[K, V]) get(key K) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byKey[key]
	if e == nil {
		return *new(V), false
	}
	l.order.MoveToFront(e)
	return e.Value.(*kept[K, V]).value, true
}

// put keeps a value. One that is larger than the bound is not kept.
func (l *lru[K, V]) put(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byKey[key]; e != nil {
		l.drop(e)
	}
	k := &kept[K, V]{key, value, l.cost(value)}
	if k.cost > l.most {
		return
	}
	l.byKey[key] = l.order.PushFront(k)
	l.used += k.cost
	for l.used > l.most {
		l.drop(l.order.Back())
	}
}

// remove forgets a key.
func (l *lru[K, V]) remove(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byKey[key]; e != nil {
		l.drop(e)
	}
}

func (l *lru[K, V]) drop(e *list.Element) {
	k := l.order.Remove(e).(*kept[K, V])
	delete(l.byKey, k.key)
	l.used -= k.cost
	if l.leave != nil {
		l.leave(k.key, k.value)
	}
}

// size is the sum of costs.
func (l *lru[K, V]) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used
}
