// Package intake measures what an accepted submission costs form-api, beside the barest servers that could stand in its
// place (package bare), in one run: CPU, allocations, and how long the submitter waits.
//
// Each server is a process of its own, and so are the generator and a real Kafka, the same for all. They take turns, phase
// by phase and round by round, and who began a round is last in the next one:
//
//	saturation   so many connections, each sending its next submission as soon as it has its answer
//	open loop    so many submissions a second, whether the ones before have been answered or not; latency counts from
//	             the moment that a submission was due
//
// CPU and allocations are the server's own counts, read before and after a phase, over the submissions that it accepted
// meanwhile. Ratios compare phases of the same round; what is shown is the median of all rounds, so that a disturbance of
// the machine spoils a round, not the comparison.
//
// form-api runs as its command does by itself, but for the addresses and for the demo form's limit of submissions a
// client, which is raised as high as it goes: one client sends all of this.
package intake
