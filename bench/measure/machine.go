package measure

import (
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"
)

// A Machine is what a run runs on. What is not known is empty.
type Machine struct {
	Kernel string
	CPU    string // its model
	Memory int64  // bytes
}

// ThisMachine looks what this is.
func ThisMachine() (m Machine) {
	if kernel, err := host.KernelVersion(); err == nil {
		m.Kernel = kernel
	}
	if cores, err := cpu.Info(); err == nil && len(cores) > 0 {
		m.CPU = cores[0].ModelName
	}
	if memory, err := mem.VirtualMemory(); err == nil {
		m.Memory = int64(memory.Total)
	}
	return m
}
