package simulation

import "iter"

// actor is a process of the world: a coroutine that stops at every call of a port.
type actor struct {
	resume func() (struct{}, bool)
	kill   func()
	yield  func(struct{}) bool
	dead   bool
	until  int64 // frozen until this step
}

type killed struct{}

// spawn starts a process; it runs only while the scheduler lets it.
func spawn(body func(*actor)) *actor {
	a := &actor{}
	next, stop := iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if r := recover(); r != nil && r != (killed{}) {
				panic(r)
			}
		}()
		a.yield = yield
		a.pause()
		body(a)
	})
	a.resume, a.kill = next, stop
	return a
}

// pause lets others go on. In a process that has been killed it does not return.
func (a *actor) pause() {
	if a.dead || !a.yield(struct{}{}) {
		a.dead = true
		panic(killed{})
	}
}
