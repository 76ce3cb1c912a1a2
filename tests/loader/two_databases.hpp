// A source and a target database on one server, with a job begun in the target.
#pragma once

#include <optional>
#include <string>

#include "snapshot/cut.hpp"
#include "tests/snapshot/journals.hpp"
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::test {

class TwoDatabases : public ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        if (!IsSkipped()) use(fresh_database(), fresh_database());
    }
    void use(const std::string& source, const std::string& target) {
        source_database_ = source;
        target_database_ = target;
    }
    void on_source(const std::string& sql) { psql(source_database_, sql); }
    void on_target(const std::string& sql) { psql(target_database_, sql); }
    void on_both(const std::string& sql) {
        on_source(sql);
        on_target(sql);
    }
    std::string ask_target(const std::string& sql) { return psql(target_database_, sql); }

    /// The source's table as a plan: whole, or cut by its key, or by its pages if it has none.
    snapshot::TablePlan plan_of(const std::string& name, int chunks = 1) {
        auto source = connect(source_database_, interrupt_);
        snapshot::TablePlan plan;
        plan.info = table_named(source, name);
        std::vector<snapshot::Key> bounds;
        if (chunks > 1 && !plan.info.key.empty()) {
            plan.method = snapshot::Method::key_ranges;
            bounds = snapshot::cut_by_key(source, plan.info, chunks);
        } else if (chunks > 1) {
            plan.method = snapshot::Method::ctid_ranges;
            bounds = snapshot::cut_by_page(plan.info, chunks);
        }
        for (const auto& range : snapshot::tile(bounds)) {
            plan.chunks.push_back({static_cast<int>(plan.chunks.size()), range, 0});
        }
        return plan;
    }

    /// Begins a job in the target that copies these tables.
    snapshot::Journal& begin_job(std::vector<snapshot::TablePlan> tables) {
        plan_.tables = std::move(tables);
        plan_.encoding = "UTF8";
        for (std::size_t i = 0; i < plan_.tables.size(); ++i) {
            plan_.tables[i].number = static_cast<int>(i);
        }
        journal_.reset();  // an earlier job's, which holds the lock
        journal_.emplace(begun_job(target_database_, interrupt_, "job", plan_));
        return *journal_;
    }
    snapshot::JobTicket ticket() { return {"job", journal_->run(), 1}; }

    std::string source_database_;
    std::string target_database_;
    snapshot::Plan plan_;
    std::optional<snapshot::Journal> journal_;
};

}  // namespace pghaul::test
