# The whole build.  `make help` lists the targets.

# What to build and how.
#   CC       gcc or clang
#   LINK     static (default: a fork costs half) or dynamic (for packagers)
#   FLAVOUR  product (default), asan, tsan, echo, faults: one folder each in build/
#   WERROR   1 makes warnings errors (as in CI)
CC ?= gcc
LINK ?= static
FLAVOUR ?= product
WERROR ?=

VERSION := 0.1

BASE := build
ifeq ($(FLAVOUR),product)
OUT := $(BASE)
else
OUT := $(BASE)/$(FLAVOUR)
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wundef -Wvla -Wformat=2 -Wcast-qual -Wwrite-strings
CFLAGS ?= -O2 -g
CFLAGS_ALL := -std=c17 -D_GNU_SOURCE -DROSTERD_VERSION='"$(VERSION)"' $(WARNINGS) \
	$(if $(WERROR),-Werror) -fno-strict-aliasing -fstack-protector-strong \
	-MMD -MP $(CFLAGS)
LDFLAGS_ALL := $(LDFLAGS)

ifeq ($(FLAVOUR),asan)
CFLAGS_ALL += -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LDFLAGS_ALL += -fsanitize=address,undefined
LINK := dynamic
endif
ifeq ($(FLAVOUR),tsan)
CC := clang
CFLAGS_ALL += -fsanitize=thread
LDFLAGS_ALL += -fsanitize=thread
LINK := dynamic
endif
ifeq ($(FLAVOUR),echo)
CFLAGS_ALL += -DROSTERD_ECHO
endif
ifeq ($(FLAVOUR),faults)
CFLAGS_ALL += -DROSTERD_FAULTS
endif

LIBS := -lwebsockets -ljansson -lbsd
ifeq ($(LINK),static)
# The libraries mention name services that this program never asks, about which
# the linker warns in a static link; -w is for that alone.
LDFLAGS_ALL += -static -Wl,-w
LIBS += -lmd -lssl -lcrypto -lz -lcap -ldl
endif
LIBS += -lpthread

SHM := layout segment lock ring slot mail snapshot scan span utf8 text token register log
CHILD := child greet serve farewell confine seat inbound frames request answer page websocket message \
	packet properties session outbox outbound roster mailbag
SERVER := main options listener keeper spawn sockets ticker reception registry peer roll tick \
	render post watch adopt

DUMP := dump dump_clients dump_changes dump_stats

SHM_OBJECTS := $(SHM:%=$(OUT)/obj/shm/%.o)
CHILD_OBJECTS := $(CHILD:%=$(OUT)/obj/child/%.o)
SERVER_OBJECTS := $(SERVER:%=$(OUT)/obj/server/%.o)

.PHONY: all
all: $(OUT)/rosterd $(OUT)/rosterd-dump

$(OUT)/rosterd: $(SERVER_OBJECTS) $(CHILD_OBJECTS) $(SHM_OBJECTS)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(OUT)/rosterd-dump: $(DUMP:%=$(OUT)/obj/shm/%.o) $(SHM_OBJECTS)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -ljansson

$(OUT)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(OUT)/obj/child/page.o: etc/www/index.html

-include $(shell find $(BASE) -name '*.d' 2>/dev/null)
