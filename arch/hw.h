// SPDX-License-Identifier: MIT
/*
 * The few hardware verbs that code outside arch/ may use. Each is an inline function in hw_impl.h,
 * which the include path picks: arch/arm64/include on the target, tests/mock/include on the host,
 * where the hardware model records and checks every one of them.
 *
 *   interrupts   uint64_t hw_irq_save(void);            mask IRQs, return the old mask
 *                void hw_irq_restore(uint64_t old);
 *                bool hw_irqs_off(void);
 *                void hw_irq_enable(void);              unmask
 *                void hw_irq_disable(void);
 *   CPUs         unsigned hw_cpu(void);                 index of this CPU (preemption off, or it
 *                                                       may change)
 *                struct task *hw_current(void);         the running task; constant for that task
 *                void hw_relax(void);                   in a spin loop (WFE-class hint that cannot
 *                                                       hang: YIELD)
 *                void hw_spin_wait(const uint16_t *p, uint16_t value);
 *                                                       until *p is value (acquire): counted by
 *                                                       place (kernel/lock_stat.h)
 *                void hw_wait_event(void);              WFE
 *                void hw_send_event(void);              DSB ISHST; SEV
 *                void hw_wait_interrupt(void);          DSB; WFI, with interrupts masked or not
 *   barriers     void hw_mb(void);                      DMB ISH      all accesses
 *                void hw_rmb(void); void hw_wmb(void);  DMB ISHLD / ISHST
 *                void hw_dma_rmb(void); void hw_dma_wmb(void);
 *                                                       DMB OSHLD / OSHST, between memory and
 *                                                       device
 *   counter      uint64_t hw_counter(void);             CNTVCT_EL0, ordered (ISB before)
 *                uint64_t hw_counter_hz(void);
 *   frames       void hw_clear_page(void *kva);         zero one 4 KB frame (DC ZVA where allowed)
 *                void hw_copy_page(void *dst, const void *src);
 *   caches       void hw_icache_sync(const void *kva, size_t n);
 *                                                       make instructions written through kva
 *                                                       fetchable (DC CVAU, DSB ISH, IC IVAU or
 *                                                       IALLUIS, DSB ISH, ISB)
 *                void hw_dma_clean(const void *kva, size_t n);
 *                                                       before a device reads (DC CVAC)
 *                void hw_dma_invalidate(void *kva, size_t n);
 *                                                       after/before a device writes (DC IVAC;
 *                                                       CIVAC at edges)
 *   checksum     uint32_t hw_crc32c(uint32_t crc, const void *p, size_t n);
 *                                                       CRC32CX where the CPU has it; pass and get
 *                                                       the raw (not inverted) register
 *   vectors      void hw_with_vectors(void (*fn)(void *), void *arg);
 *                                                       fn(arg), which may use the vector
 *                                                       registers: the user's are kept. fn is
 *                                                       preemptible and may sleep. Tasks only, no
 *                                                       interrupt
 *   memory       void *phys_to_virt(phys_addr_t pa);    linear map
 *                phys_addr_t virt_to_phys(const void *kva);   linear-map addresses only
 *   CPUs         unsigned hw_cpus(void);                the numbers of all that were started are
 *                                                       below it: what each CPU has is summed up to
 *                                                       here. Grows at boot, before another one
 *                                                       runs
 *   constants    FRAME_ARRAY (struct page *), NR_CPUS_MAX, KERNEL_MAP_BASE/KERNEL_MAP_SIZE (the
 *                mapping area), USER_MIN (first mappable user address, 64 KB), USER_TOP (first
 *                address users never have)
 */
#ifndef ARCH_HW_H
#define ARCH_HW_H

#include "kernel/lib/types.h"

#include <hw_impl.h>

#endif
