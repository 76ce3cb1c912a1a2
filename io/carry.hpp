// The pipeline that carries blocks from a reader to a writer: reading, working on a block and
// writing overlap, with a bounded number of blocks in flight.
// Thread: the caller's; it should be inside a task_arena with threads_per_stream() slots.
#pragma once

#include <oneapi/tbb/parallel_pipeline.h>

#include <cstddef>
#include <vector>

#include "io/interrupt.hpp"

namespace pghaul::io {

/// Threads that a stream's pipeline should have beside so many others. Two let reading and writing
/// overlap. Where every core has a stream already, the sockets' buffers keep both servers busy, and
/// a second thread would mostly look for work: a quarter of the CPU of a run with two streams on
/// two cores (bench/compare).
int threads_per_stream(int streams);

/// Carried has a Block `block`, empty when `read` gets it. read: false at the end; work: from
/// several threads at once, each on a block of its own; write: in the order in which they were
/// read. Throws: what these throw; Interrupted.
template <typename Carried, typename Read, typename Work, typename Write>
void carry_blocks(std::size_t blocks_in_flight, const Interrupt& interrupt, Read read, Work work,
                  Write write) {
    // The pipeline has at most blocks_in_flight tokens and the outer filters keep order, so a block
    // is written before its place in the ring is filled again.
    std::vector<Carried> ring(blocks_in_flight);
    std::size_t next = 0;
    const auto fill = [&](tbb::flow_control& control) -> Carried* {
        interrupt.check();
        Carried& carried = ring[next++ % ring.size()];
        carried.block.clear();
        if (read(carried)) return &carried;
        control.stop();
        return nullptr;
    };
    const auto change = [&](Carried* carried) {
        work(*carried);
        return carried;
    };
    const auto empty = [&](Carried* carried) { write(*carried); };
    using tbb::filter_mode;
    tbb::parallel_pipeline(
        blocks_in_flight,
        tbb::make_filter<void, Carried*>(filter_mode::serial_in_order, fill) &
            tbb::make_filter<Carried*, Carried*>(filter_mode::parallel, change) &
            tbb::make_filter<Carried*, void>(filter_mode::serial_in_order, empty));
}

}  // namespace pghaul::io
