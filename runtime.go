package engage

import (
	"context"
	"log/slog"
)

// Runtime is what every service is given to work with.
type Runtime struct {
	Tx        Transactor   // required
	Events    Publisher    // required
	Clock     Clock        // nil: SystemClock
	IDs       IDSource     // nil: NewIDSource(Clock, nil)
	Log       *slog.Logger // nil: discards
	Telemetry Telemetry    // nil: discards
}

// Resolve answers the runtime with its defaults filled in, and adds to faults
// what is required and missing. Constructors of services call it.
func (r Runtime) Resolve(faults *Faults) Runtime {
	if r.Tx == nil {
		faults.Add("runtime.tx", "required", "a Transactor is required")
	}
	if r.Events == nil {
		faults.Add("runtime.events", "required", "a Publisher is required")
	}
	if r.Clock == nil {
		r.Clock = SystemClock{}
	}
	if r.IDs == nil {
		r.IDs = NewIDSource(r.Clock, nil)
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	if r.Telemetry == nil {
		r.Telemetry = silent{}
	}
	return r
}

type silent struct{}

func (silent) Count(context.Context, string, int64, ...string)    {}
func (silent) Record(context.Context, string, float64, ...string) {}
func (silent) Span(ctx context.Context, _ string, _ ...string) (context.Context, func(error)) {
	return ctx, func(error) {}
}
