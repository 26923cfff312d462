/* The part of wasm2c's runtime that the generated core uses, for the names wabt 1.0.39 writes. wasm-rt.c defines it. */
#ifndef WASM_RT_H
#define WASM_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WASM_RT_NO_RETURN __attribute__((noreturn))
#define WASM_RT_THREAD_LOCAL
#define wasm_rt_memcpy memcpy
#define wasm_rt_unreachable __builtin_unreachable

/*
 * Accesses are not compared with the memory's size: all a 32-bit address can reach is reserved, what is not the core's
 * memory faults, and the fault is a trap. So does a stack that is used up. A third of the core's code would be checks.
 */
#define WASM_RT_MEMCHECK_GUARD_PAGES 1
#define WASM_RT_STACK_DEPTH_COUNT 0
#define WASM_RT_USE_SEGUE 0
#define WASM_RT_SANITY_CHECKS 0

typedef enum {
  WASM_RT_TRAP_NONE,
  WASM_RT_TRAP_OOB,
  WASM_RT_TRAP_INT_OVERFLOW,
  WASM_RT_TRAP_DIV_BY_ZERO,
  WASM_RT_TRAP_INVALID_CONVERSION,
  WASM_RT_TRAP_UNREACHABLE,
  WASM_RT_TRAP_CALL_INDIRECT,
  WASM_RT_TRAP_UNCAUGHT_EXCEPTION,
  WASM_RT_TRAP_UNALIGNED,
  WASM_RT_TRAP_EXHAUSTION,
} wasm_rt_trap_t;

WASM_RT_NO_RETURN void wasm_rt_trap(wasm_rt_trap_t cause);

typedef struct {
  uint8_t *data;
  uint64_t pages, max_pages, size;
  bool is64;
  uint32_t page_size;
} wasm_rt_memory_t;

bool wasm_rt_is_initialized(void);
void wasm_rt_allocate_memory(wasm_rt_memory_t *, uint64_t initial, uint64_t max, bool is64, uint32_t page_size);
uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *, uint64_t delta);
void wasm_rt_free_memory(wasm_rt_memory_t *);

/* Tables of functions and references: named by the generated code whether or not the core has one. */
typedef enum { WASM_RT_I32, WASM_RT_I64, WASM_RT_F32, WASM_RT_F64, WASM_RT_V128, WASM_RT_FUNCREF, WASM_RT_EXTERNREF } wasm_rt_type_t;
typedef const char *wasm_rt_func_type_t;
typedef void (*wasm_rt_function_ptr_t)(void);
typedef struct {
  void (*fn)(void **, void *, void *);
} wasm_rt_tailcallee_t;
typedef struct {
  wasm_rt_func_type_t func_type;
  wasm_rt_function_ptr_t func;
  wasm_rt_tailcallee_t func_tailcallee;
  void *module_instance;
} wasm_rt_funcref_t;
typedef struct {
  wasm_rt_funcref_t *data;
  uint32_t max_size, size;
} wasm_rt_funcref_table_t;
static const wasm_rt_funcref_t wasm_rt_funcref_null_value;
typedef void *wasm_rt_externref_t;
typedef struct {
  wasm_rt_externref_t *data;
  uint32_t max_size, size;
} wasm_rt_externref_table_t;
static const wasm_rt_externref_t wasm_rt_externref_null_value;

#endif
