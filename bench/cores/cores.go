// Package cores parts the cores of this machine between the generator of load and the servers that it starts, so that
// neither takes the other's time and the generator's own use of its cores can be judged.
package cores

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A Set is some of the machine's cores, by the system's numbers, rising. An empty one stands for all.
type Set []int

// String is the set as Linux lists it: 0-2,5.
func (s Set) String() string {
	var parts []string
	for i := 0; i < len(s); {
		j := i
		for j+1 < len(s) && s[j+1] == s[j]+1 {
			j++
		}
		part := strconv.Itoa(s[i])
		if j > i {
			part += "-" + strconv.Itoa(s[j])
		}
		parts, i = append(parts, part), j+1
	}
	return strings.Join(parts, ",")
}

// Parting is who has which cores. The zero value is that nobody has any for himself.
type Parting struct {
	Generator Set
	Servers   Set // with their backends
}

// Apart reports whether each has his own.
func (p Parting) Apart() bool { return len(p.Generator) > 0 && len(p.Servers) > 0 }

// enough is how many cores can be parted: with two, a server would have a single one, and hardly a server runs on that.
const enough = 3

// Part parts the cores that this process may use.
func Part() Parting { return part(Usable(), firstSibling) }

// part gives the generator a third, which is enough for its work to be a small part of it, and the servers the rest. Threads of
// one physical core stay together, since they share its time: that core is the one that first names.
func part(usable Set, first func(core int) int) Parting {
	if len(usable) < enough {
		return Parting{}
	}
	physical := map[int]Set{}
	var order []int
	for _, core := range usable {
		f := first(core)
		if physical[f] == nil {
			order = append(order, f)
		}
		physical[f] = append(physical[f], core)
	}
	if len(order) < 2 {
		return Parting{}
	}
	var p Parting
	for i, f := range order {
		if i < max(len(order)/enough, 1) {
			p.Generator = append(p.Generator, physical[f]...)
		} else {
			p.Servers = append(p.Servers, physical[f]...)
		}
	}
	slices.Sort(p.Generator)
	slices.Sort(p.Servers)
	return p
}

// firstSibling is the first of the threads that a core shares its hardware with: itself, where the system doesn't say.
func firstSibling(core int) int {
	text, err := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", core))
	if err != nil {
		return core
	}
	return leading(string(text), core)
}

// leading is the number that a list of cores begins with, or another one if there is none.
func leading(list string, otherwise int) int {
	digits := strings.IndexFunc(list, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(list)
	}
	if n, err := strconv.Atoi(list[:digits]); err == nil {
		return n
	}
	return otherwise
}
