// SPDX-License-Identifier: MIT
// Nanoseconds since the machine was switched on, by the virtual counter: with counted instructions,
// how many there were.
#include <stdint.h>
#include <stdio.h>

int main(void)
{
	uint64_t count, frequency;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(count));
	__asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
	printf("%.0f\n", (double)count * 1e9 / (double)frequency);
	return 0;
}
