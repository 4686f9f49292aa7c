// SPDX-License-Identifier: MIT
// The default policy, Linux's measure: who has most goes, moved by oom_score_adj.
#include "mm/oom/oom.h"

OOM_POLICY(linux) = { "linux", oom_size, oom_highest };
