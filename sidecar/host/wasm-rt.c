/* wasm2c's runtime, as far as the core needs it: traps and one memory in static pages. */
#include "host.h"
#include "wasm-rt.h"
#include <unistd.h>

#define EXIT_TRAP 70
#define PAGE_SIZE 65536
#define PAGES 8

static uint8_t memory[PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
uint32_t wasm_rt_call_stack_depth;

void wasm_rt_trap(wasm_rt_trap_t cause) {
  static const char *const causes[] = {
      [WASM_RT_TRAP_OOB] = "trap: memory access out of range",
      [WASM_RT_TRAP_INT_OVERFLOW] = "trap: integer overflow",
      [WASM_RT_TRAP_DIV_BY_ZERO] = "trap: division by zero",
      [WASM_RT_TRAP_INVALID_CONVERSION] = "trap: a number does not fit its integer type",
      [WASM_RT_TRAP_UNREACHABLE] = "trap: the core gave up (an index out of range, or abort)",
      [WASM_RT_TRAP_CALL_INDIRECT] = "trap: wrong indirect call",
      [WASM_RT_TRAP_EXHAUSTION] = "trap: calls nested too deep",
  };
  bool is_known = cause < sizeof causes / sizeof *causes && causes[cause];
  say(is_known ? causes[cause] : "trap");
  _exit(EXIT_TRAP);
}

bool wasm_rt_is_initialized(void) { return true; }

/* Without this check a core with more pages than the array would write beyond it. */
void wasm_rt_allocate_memory(wasm_rt_memory_t *m, uint64_t initial, uint64_t max, bool is64, uint32_t page_size) {
  if (initial > PAGES || page_size != PAGE_SIZE) {
    say("the core needs more memory than its host has: raise PAGES in wasm-rt.c");
    _exit(EXIT_TRAP);
  }
  *m = (wasm_rt_memory_t){memory, initial, max < PAGES ? max : PAGES, initial * PAGE_SIZE, is64, page_size};
}

uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *m, uint64_t delta) {
  uint64_t before = m->pages;
  if (delta > m->max_pages - before) return -1;
  m->pages += delta;
  m->size = m->pages * PAGE_SIZE;
  return before;
}

void wasm_rt_free_memory(wasm_rt_memory_t *m) {}
