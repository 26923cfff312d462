/* wasm2c's runtime, as far as the core needs it: one memory, and traps. */
#define _GNU_SOURCE
#include "wasm-rt.h"
#include "host.h"
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXIT_TRAP 70
#define PAGE_SIZE 65536
/* A 32-bit address plus a 32-bit offset: what no access can go beyond. Address space only; pages exist once touched. */
#define RESERVED ((size_t)8 << 30)

static void give_up(const char *why) {
  say(why);
  _exit(EXIT_TRAP);
}

void wasm_rt_trap(wasm_rt_trap_t cause) {
  static const char *const causes[] = {
      [WASM_RT_TRAP_OOB] = "trap: memory access out of range",
      [WASM_RT_TRAP_INT_OVERFLOW] = "trap: integer overflow",
      [WASM_RT_TRAP_DIV_BY_ZERO] = "trap: division by zero",
      [WASM_RT_TRAP_INVALID_CONVERSION] = "trap: a number does not fit its integer type",
      [WASM_RT_TRAP_UNREACHABLE] = "trap: the core gave up (an index out of range, or abort)",
      [WASM_RT_TRAP_CALL_INDIRECT] = "trap: wrong indirect call",
  };
  bool is_known = cause < sizeof causes / sizeof *causes && causes[cause];
  give_up(is_known ? causes[cause] : "trap");
  __builtin_unreachable();
}

static void on_fault(int signal) { give_up("trap: access outside of the memory or of the stack"); }

/* The handler has a stack of its own, because the core may have used up the other. */
static void catch_faults(void) {
  static char stack[16384];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
}

bool wasm_rt_is_initialized(void) { return true; }

void wasm_rt_allocate_memory(wasm_rt_memory_t *m, uint64_t initial, uint64_t max, bool is64, uint32_t page_size) {
  void *reserved = mmap(NULL, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) give_up("8 GiB of address space cannot be reserved: raise the limit (ulimit -v)");
  *m = (wasm_rt_memory_t){.data = reserved, .max_pages = max, .is64 = is64, .page_size = page_size};
  if (is64 || page_size != PAGE_SIZE || wasm_rt_grow_memory(m, initial) != 0) give_up("no memory for the core");
  catch_faults();
}

uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *m, uint64_t delta) {
  uint64_t before = m->pages;
  if (delta > m->max_pages - before) return -1;
  if (mprotect(m->data + m->size, delta * PAGE_SIZE, PROT_READ | PROT_WRITE) < 0) return -1;
  m->pages += delta;
  m->size = m->pages * PAGE_SIZE;
  return before;
}

void wasm_rt_free_memory(wasm_rt_memory_t *m) {}
