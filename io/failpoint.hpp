// Named places at which a test can kill the process or make it fail: PGHAUL_FAILPOINTS=
// "copy_before_mark=kill@3,index_after_build=error" kills at the third pass of the one and throws
// a retryable Error at each pass of the other. Always compiled in; costs one relaxed load.
// A test checks that every name below is used in the code and by a test.
#pragma once

#include <string_view>

namespace pghaul::io {

/// Every failpoint there is, in the order in which a run passes them.
enum class Failpoint {
    journal_created,
    capture_site_made,
    capture_installed,
    captured_before_phase,
    schema_before,
    schema_after,
    snapshot_exported,
    plan_recorded,
    spool_sealed,
    spool_before_load,
    copy_after_read,
    copy_before_mark,
    copy_before_commit,
    copy_after_commit,
    spool_before_removal,
    large_objects_before_mark,
    read_back_before_mark,
    copied_before_phase,
    table_before_finish,
    table_after_finish,
    foreign_key_added,
    foreign_key_validated,
    rest_before,
    rest_after,
    sequences_before,
    sequences_after,
    views_refreshed,
    window_opened,
    window_keys_deleted,
    window_before_commit,
    window_after_commit,
    window_deltas_removed,
    done_before_phase,
    cutover_locked,
    cutover_drained,
    cutover_before_fence,
    cutover_after_fence,
    cutover_before_mark,
    capture_removed,
    export_begun,
    export_planned,
    export_before_seal,
    export_after_seal,
    export_before_manifest,
    import_planned,
    count_,
};

std::string_view failpoint_name(Failpoint point);

/// Passes a failpoint: does nothing unless the environment says so.
/// Throws: a retryable Error if its action is `error`, a permanent one if it is `fail`.
void failpoint(Failpoint point);

}  // namespace pghaul::io
