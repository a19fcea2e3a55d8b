#include "measure.h"

#include "clock.h"
#include "report.h"

void
measure_begin(struct measure *m, const struct fleet *f)
{
	cpu_read(f->load.pid, &m->server);
	m->own = cpu_own();
	m->bytes = f->bytes;
	m->wall = clock_ns();
}

void
measure_end(struct measure *m, const struct fleet *f)
{
	struct cpu now;

	m->wall = clock_ns() - m->wall;
	m->own = cpu_own() - m->own;
	m->bytes = f->bytes - m->bytes;
	cpu_read(f->load.pid, &now);
	m->server.all = now.all - m->server.all;
	m->server.second = now.second - m->server.second;
	m->server.processes = now.processes;
}

void
measure_report(const struct measure *m, const struct fleet *f)
{
	report_add("wall_ms", (double)m->wall / 1e6);
	report_add("server_cpu_ms", (double)m->server.all / 1e6);
	report_add("load_cpu_ms", (double)m->own / 1e6);
	report_add("load_cpu_share", (double)m->own / (double)m->wall);
	report_add("bytes", (double)m->bytes);
	report_add("processes", m->server.processes);
	report_add("bad", f->bad);
}
