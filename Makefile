# The whole build.  `make help` lists the targets.
#
#   CC       gcc or clang
#   LINK     static (default: a fork costs half) or dynamic (for packagers)
#   FLAVOUR  product (default), echo, faults, misbehave, relaid, asan, tsan, clang: a folder each in build/
#   WERROR   1 makes warnings errors (as in CI)
#   V        1 shows the commands

VERSION := 0.1

ifeq ($(origin CC),default)
CC := gcc
endif
LINK ?= static
FLAVOUR ?= product
WERROR ?=
V ?=
export prefix ?= /usr/local
export DESTDIR sysconfdir unitdir

OUT := build$(if $(filter-out product,$(FLAVOUR)),/$(FLAVOUR))
Q := $(if $(V),,@)
MAKEFLAGS += --no-print-directory
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

# Sources: a room each.

SHM := layout copy segment lock ring slot mail snapshot scan span rules utf8 text token register hook log session_log \
	totals prometheus view emit cidr address trust
DUMP := dump dump_clients dump_changes dump_stats dump_snapshot dump_locks dump_layout \
	dump_check dump_watch dump_kick choose names newest sample screen \
	check_header check_directory check_slots check_mail check_commons check_snapshot
CHILD := child rate greet ask serve farewell confine cage filter refusal seat inbound frames fields request \
	origin behind proxy forwarded answer page status extension inflate websocket message packet properties session outbox outbound roster mailbag image tls key
SERVER := inherit options rows usage conf fit guest guardian host listener listening lifetime announce \
	upgrade handover recount ports instance keeper spawn sockets ticker adopt reception \
	tick watch commons witness user departure \
	drain guard latch post parcel registry amend render deflate kill kick group bells books events roll peer
SERVER += admission census penalty source startups proxied
SERVER += hooks spawner jobs permits seal launch cgi judge strays tell reading
SERVER += signing signer

UNIT := $(basename $(notdir $(wildcard tests/unit/*.c)))
PROTOCOL := $(basename $(notdir $(wildcard tests/protocol/*.c)))
MISBEHAVE := $(basename $(notdir $(wildcard tests/misbehave/*.c)))
HELL := $(basename $(notdir $(wildcard tests/hell/*.c)))
ORDERS := $(basename $(notdir $(wildcard tests/misbehave/orders/*.c)))
RACE := $(basename $(notdir $(wildcard tests/race/*.c)))
DEATHS := deaths proxied permits goodbyes every
TESTLIB := $(basename $(notdir $(wildcard tests/lib/*.c)))
FUZZERS := packet properties request proxy hook frames registration outbox relay snapshot image
LOAD := load fleet intake measure cpu report $(basename $(notdir $(wildcard tests/bench/ask_*.c)))

# Flags.

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wundef -Wvla -Wformat=2 -Wcast-qual -Wwrite-strings
# Criterion's macros and loops over JSON are not written for these.
WARNINGS_TESTS := -Wall -Wextra -Wshadow -Wundef -Wvla -Wwrite-strings \
	-Wno-unknown-warning-option -Wno-format-truncation -Wno-missing-field-initializers
CFLAGS ?= -O2 -g
BASE_FLAGS := -std=c17 -D_GNU_SOURCE -DROSTERD_VERSION='"$(VERSION)"' \
	-fno-strict-aliasing -fstack-protector-strong $(if $(WERROR),-Werror) -MMD -MP
LINK_FLAGS := $(LDFLAGS)

ifeq ($(FLAVOUR),echo)
BASE_FLAGS += -DROSTERD_ECHO
else ifeq ($(FLAVOUR),faults)
BASE_FLAGS += -DROSTERD_FAULTS
SHM += fault
else ifeq ($(FLAVOUR),relaid)
BASE_FLAGS += -DROSTERD_RELAID
else ifeq ($(FLAVOUR),misbehave)
BASE_FLAGS += -DROSTERD_MISBEHAVE
else ifeq ($(FLAVOUR),asan)
BASE_FLAGS += -DROSTERD_ECHO -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
LINK_FLAGS += -fsanitize=address,undefined
LINK := dynamic
else ifeq ($(FLAVOUR),tsan)
CC := clang
BASE_FLAGS += -fsanitize=thread
LINK_FLAGS += -fsanitize=thread
LINK := dynamic
else ifeq ($(FLAVOUR),fuzz)
CC := clang
BASE_FLAGS += -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
LINK_FLAGS += -fsanitize=fuzzer,address,undefined
LINK := dynamic
# A fuzzer has a main() of its own; the dump tool's is called by it.
$(OUT)/obj/shm/dump.o: CFLAGS += -Dmain=dump_main -Wno-missing-prototypes
else ifeq ($(FLAVOUR),clang)
CC := clang
endif

LIBS_TESTS := -lcriterion -lwebsockets -ljansson -linih -lseccomp -lbsd -lmd -lssl -lcrypto -lz
ifeq ($(LINK),static)
# The libraries mention name services, which this program never asks, and about
# which the linker warns in every static link: -w is for that alone.
LINK_PRODUCT := $(LINK_FLAGS) -static -Wl,-w
LAYOUT := -Wl,-T,child/pages.ld
LIBS := -lwebsockets -ljansson -linih -lseccomp -lbsd -lmd -lssl -lcrypto -lz -lcap -ldl -lpthread
else
LINK_PRODUCT := $(LINK_FLAGS)
LIBS := -lwebsockets -ljansson -linih -lseccomp -lbsd -lmd -lssl -lcrypto -lz
endif

objects = $(patsubst %,$(OUT)/obj/$(1)/%.o,$(2))
SHARED := $(call objects,shm,$(SHM))
ROOMS := $(call objects,server,$(SERVER)) $(call objects,child,$(CHILD)) $(SHARED)
ifeq ($(FLAVOUR),misbehave)
ROOMS += $(call objects,tests/misbehave/orders,$(ORDERS))
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

## Build

all: build-deps $(OUT)/rosterd $(OUT)/rosterd-dump ## both programs, in build/

$(OUT)/rosterd: $(call objects,server,main) $(ROOMS) child/pages.ld
	$(call say,LINK,$@)
	$(Q)$(CC) $(LINK_PRODUCT) $(LAYOUT) -o $@ $(filter %.o,$^) $(LIBS)

$(OUT)/rosterd-dump: $(call objects,shm,$(DUMP)) $(SHARED)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LINK_PRODUCT) -o $@ $^ -ljansson

$(OUT)/obj/tests/%.o: tests/%.c Makefile | build-deps
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_FLAGS) $(WARNINGS_TESTS) $(CFLAGS) -c -o $@ $<

$(OUT)/obj/%.o: %.c Makefile | build-deps
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_FLAGS) $(WARNINGS) $(CFLAGS) -c -o $@ $<

# Its assembler reads them.
$(OUT)/obj/child/page.o: $(wildcard etc/www/*.* etc/www/client/*.js)

echo-server: ## build/echo/rosterd: answers the subprotocol `echo`, for conformance suites
	$(Q)$(MAKE) FLAVOUR=echo all

clean: ## remove what was built
	rm -rf build

-include $(shell find build -type f -name '*.d' 2>/dev/null)

## Run

run: all ## start on 127.0.0.1 and [::1], port 13372
	@echo 'Open http://127.0.0.1:13372/ in two tabs. Ctrl-C ends it.'
	@exec $(OUT)/rosterd

## Install

install: all ## to $(prefix), which is /usr/local; DESTDIR, sysconfdir (/etc) and unitdir
	$(Q)etc/install.sh install $(OUT)

uninstall: ## take it away again; a changed configuration stays
	$(Q)etc/install.sh uninstall $(OUT)

deb: all ## a Debian package of the same files, in build/
	$(Q)etc/debian/build $(OUT) $(VERSION)

## Dependencies

build-deps:
	@etc/deps.sh build
check-deps: build-deps
	@etc/deps.sh check

deps: check-deps ## install what is missing to build and to test (Debian packages, npm)

## Test

check: ## everything that has to pass before a change is done
	$(Q)$(MAKE) check-deps
	$(Q)rm -f $(OUT)/moved
	$(Q)$(MAKE) WERROR=1 all
	$(Q)$(MAKE) layers format-check docs model
	$(Q)$(MAKE) WERROR=1 FLAVOUR=clang all
	$(Q)$(MAKE) WERROR=1 FLAVOUR=echo all
	$(Q)$(MAKE) WERROR=1 unit protocol protocol-tls hell misbehave deaths kills races clients supervise proxies installed bench-smoke
	$(Q)$(MAKE) WERROR=1 soak T=15
	$(Q)$(MAKE) moved
	$(Q)$(MAKE) WERROR=1 asan
	$(Q)$(MAKE) WERROR=1 fuzz T=2
	@echo 'All checks passed.'

unit: check-deps $(OUT)/tests/unit ## each part by itself
	$(call say,TEST,$(OUT)/tests/unit)
	$(Q)$(OUT)/tests/unit $(TESTS)

protocol: all check-deps $(OUT)/tests/protocol ## the real programs, driven by a client that can send anything
	$(Q)$(if $(filter asan,$(FLAVOUR)),,$(MAKE) FLAVOUR=echo all)
	$(Q)$(MAKE) FLAVOUR=relaid all
	$(call say,TEST,$(OUT)/tests/protocol)
	$(Q)ROSTERD_MOVED=$(OUT)/moved ROSTERD=$(OUT)/rosterd ROSTERD_DUMP=$(OUT)/rosterd-dump \
	ROSTERD_ECHO=$(if $(filter asan,$(FLAVOUR)),$(OUT),build/echo)/rosterd \
	$(OUT)/tests/protocol --jobs 6 $(TESTS)

protocol-tls: all check-deps $(OUT)/tests/protocol ## the protocol's main tests over TLS
	$(Q)$(MAKE) FLAVOUR=echo all
	$(call say,TEST,$(OUT)/tests/protocol over TLS)
	$(Q)TESTS_TLS=1 ROSTERD_MOVED=$(OUT)/moved ROSTERD=$(OUT)/rosterd \
	ROSTERD_DUMP=$(OUT)/rosterd-dump ROSTERD_ECHO=build/echo/rosterd \
	$(OUT)/tests/protocol --jobs 6 --filter '@(relay|changes|properties|rfc6455)/*'

# Half of it is about how long the others wait, so no more than two at once.
misbehave: check-deps $(OUT)/tests/misbehave ## children that were taken over, from inside their cages
	$(Q)$(MAKE) FLAVOUR=misbehave all
	$(call say,TEST,$(OUT)/tests/misbehave)
	$(Q)ROSTERD_MOVED=$(OUT)/moved ROSTERD=build/misbehave/rosterd \
	ROSTERD_DUMP=build/misbehave/rosterd-dump \
	$(OUT)/tests/misbehave --jobs 2 $(TESTS)

# Those that keep the machine busy run one at a time: they are about how long the others wait.
RUN_HELL = ROSTERD_MOVED=$(OUT)/moved ROSTERD=$(OUT)/rosterd ROSTERD_DUMP=$(OUT)/rosterd-dump $(OUT)/tests/hell

hell: all check-deps $(OUT)/tests/hell ## clients from hell, and what the others notice of them
	$(call say,TEST,$(OUT)/tests/hell)
ifdef TESTS
	$(Q)$(RUN_HELL) --jobs 1 $(TESTS)
else
	$(Q)$(RUN_HELL) --jobs 1 --filter '!(handshakes|limits)/*'
	$(Q)$(RUN_HELL) --jobs 3 --filter '@(handshakes|limits)/*'
endif

deaths: check-deps $(OUT)/tests/deaths ## processes that die at a chosen instruction
	$(Q)$(MAKE) FLAVOUR=faults all
	$(call say,TEST,$(OUT)/tests/deaths)
	$(Q)ROSTERD_MOVED=$(OUT)/moved ROSTERD=build/faults/rosterd \
	ROSTERD_DUMP=build/faults/rosterd-dump \
	$(OUT)/tests/deaths --jobs 3 $(TESTS)

# Killing is done by random times, so a run that failed is repeated with its ROSTERD_SEED.
CHILDREN ?= 150
TICKERS ?= 5
LISTENERS ?= 2
RUN_KILLS = ROSTERD=$(OUT)/rosterd ROSTERD_DUMP=$(OUT)/rosterd-dump $(OUT)/tests/kills

kills: all check-deps $(OUT)/tests/kills ## SIGKILL at random times under load: CHILDREN=150 TICKERS=5 LISTENERS=2
	$(call say,TEST,$(OUT)/tests/kills)
	$(Q)$(RUN_KILLS) $(CHILDREN) $(TICKERS) $(LISTENERS) $(or $(T),$(shell expr $(CHILDREN) / 25 + 4))

soak: all check-deps $(OUT)/tests/kills ## T=600 seconds of everything, and nothing has grown in the end
	$(call say,SOAK,for $(or $(T),600) s)
	$(Q)$(RUN_KILLS) $(shell t=$(or $(T),600); expr $$t \* 5; expr $$t / 10 + 1; expr $$t / 30 + 1; echo $$t)

clients: all check-deps ## node's ws and built-in WebSocket, Chromium with the page
	$(call say,TEST,tests/clients)
	$(Q)tests/clients/run $(OUT)/rosterd

screenshots: all check-deps ## the pictures of the page in README
	$(Q)ROSTERD=$(abspath $(OUT)/rosterd) node --no-warnings tests/clients/screenshots.js etc/www/screenshots

installed: all check-deps ## what install and deb put in place, lintian, systemd-analyze
	$(call say,TEST,tests/install)
	$(Q)MAKE="$(MAKE) --no-print-directory" tests/install/run

deb-check: deb check-deps ## install the package on a fresh Debian, by debootstrap (a minute or two)
	$(call say,TEST,tests/install)
	$(Q)tests/install/fresh $(OUT)/rosterd_$(VERSION)_*.deb

supervise: all check-deps ## under real supervisors: inetd, xinetd, tcpserver, s6, runit, systemd
	$(call say,TEST,tests/supervise)
	$(Q)tests/supervise/run $(OUT)/rosterd $(TESTS)

proxies: all check-deps ## behind nginx, haproxy and hitch
	$(call say,TEST,tests/proxies)
	$(Q)tests/proxies/run $(OUT)/rosterd $(OUT)/rosterd-dump

# Criterion itself leaks, and a child ends without freeing: that is not looked for.
asan: ## unit and protocol with AddressSanitizer and UndefinedBehaviorSanitizer
	$(Q)ASAN_OPTIONS=detect_leaks=0 ROSTERD_SLOW=5 ROSTERD_SANDBOX=off $(MAKE) FLAVOUR=asan unit protocol

# Threads under ThreadSanitizer, then processes as fast as the product's.
races: check-deps $(OUT)/tests/race ## races on one segment, under TSan and by processes, T=1 second for each hunt
	$(Q)$(MAKE) FLAVOUR=tsan build/tsan/tests/race
	$(call say,TEST,build/tsan/tests/race)
	$(Q)TSAN_OPTIONS=halt_on_error=1 build/tsan/tests/race threads $(or $(T),1)000 $(HUNTS)
	$(call say,TEST,$(OUT)/tests/race)
	$(Q)$(OUT)/tests/race processes $(or $(T),1)000 $(HUNTS)

model: check-deps ## the lock, snapshots and mail, checked by spin; mutants, which it rejects (FULL=1: more)
	$(call say,MODEL,tests/model)
	$(Q)tests/model/run $(OUT)/model

moved: ## each counter was moved by some test since `make clean` or `make check` began
	$(Q)tests/moved $(OUT)/moved

fuzz: check-deps ## each fuzzer for T seconds (T=60), ONLY="packet image" for some
	$(Q)$(MAKE) FLAVOUR=fuzz fuzzers
	$(call say,FUZZ,each for $(or $(T),60) s)
	$(Q)tests/fuzz/run $(or $(T),60) $(or $(ONLY),$(FUZZERS))

fuzzers: $(FUZZERS:%=$(OUT)/fuzz/%)

.PHONY: docs
docs: all check-deps ## man pages and README say what the programs do
	$(Q)tests/docs $(OUT)/rosterd $(OUT)/rosterd-dump

layers: ## no include leads upwards (server -> child -> shm)
	$(Q)tests/layers

$(OUT)/tests/unit: $(call objects,tests/unit,$(UNIT)) $(call objects,tests/lib,secure check) $(ROOMS)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $^ $(LIBS_TESTS)

$(OUT)/tests/race: $(call objects,tests/race,$(RACE)) $(call objects,tests/unit,lone) \
		$(call objects,tests/lib,check) $(call objects,shm,newest) $(ROOMS)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $^ $(LIBS_TESTS)

$(OUT)/tests/misbehave: $(call objects,tests/misbehave,$(MISBEHAVE)) $(call objects,tests/lib,$(TESTLIB))
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $^ -lcriterion -ljansson -lssl -lcrypto -lz

$(OUT)/tests/hell: $(call objects,tests/hell,$(HELL)) $(call objects,tests/lib,$(TESTLIB))
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $^ -lcriterion -ljansson -lssl -lcrypto -lz

$(OUT)/tests/protocol: $(call objects,tests/protocol,$(PROTOCOL)) $(call objects,tests/lib,$(TESTLIB)) $(SHARED)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $^ -lcriterion -ljansson -lssl -lcrypto -lz

# Nobody is killed by a fuzzed ticker: see tests/fuzz/world.c.
$(OUT)/fuzz/%: $(OUT)/obj/tests/fuzz/%.o $(call objects,tests/fuzz,instance world) \
		$(filter-out %/peer.o,$(ROOMS))
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -Wl,--wrap=fallocate,--wrap=lock_take -o $@ $^ $(LIBS)

$(OUT)/fuzz/image: $(call objects,shm,$(DUMP))
$(OUT)/fuzz/image: LINK_FLAGS += -Wl,--wrap=segment_open_file

# Measuring.

BENCH := $(addprefix $(OUT)/bench/,load base_raw base_lws)

bench: all check-deps $(BENCH) ## measure against the baselines (15 minutes; QUICK=1: two)
	$(Q)BENCH=$(if $(QUICK),quick,full) tests/bench/run $(QUESTIONS)

bench-smoke: all check-deps $(BENCH) ## does the benchmark kit work?
	$(call say,TEST,tests/bench)
	$(Q)BENCH=smoke tests/bench/run

$(OUT)/bench/load: $(call objects,tests/bench,$(LOAD))
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $^ -lz

$(OUT)/bench/base_raw: $(call objects,tests/bench,base_raw)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $^

$(OUT)/bench/base_lws: $(call objects,tests/bench,base_lws)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $^ -lwebsockets -ljansson

$(OUT)/tests/kills: $(call objects,tests/fault,kills) $(call objects,tests/lib,$(TESTLIB)) $(SHARED)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $^ -ljansson -lssl -lcrypto -lz

$(OUT)/tests/deaths: $(call objects,tests/fault,$(DEATHS)) $(call objects,tests/lib,$(TESTLIB)) $(SHARED)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $^ -lcriterion -ljansson -lssl -lcrypto -lz

## Care

format: ## lay out all sources as in .clang-format
	clang-format -i */*.[ch] tests/*/*.[ch] tests/*/*/*.[ch]

format-check: ## say what format would change
	$(Q)clang-format --dry-run --Werror server/*.[ch] child/*.[ch] shm/*.[ch] \
	tests/*/*.[ch] tests/*/*/*.[ch]

help: ## this
	@awk -F ':.*## ' '/^## /{ printf "\n%s\n", substr($$0, 4) } \
	/^[a-z-]+:.*## /{ printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: all model echo-server clean run install uninstall deb installed deb-check build-deps check-deps deps check unit protocol protocol-tls \
	misbehave hell deaths kills races soak clients supervise proxies screenshots asan moved \
	fuzz fuzzers bench bench-smoke layers format format-check help
