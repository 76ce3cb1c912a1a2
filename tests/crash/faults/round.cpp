#include "tests/crash/faults/round.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <thread>

namespace pghaul::test::faults {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kTick{5};
// A command that is still there by then hangs: pghaul promises to name a dead server within 30 s,
// and to try again for some 20 s more.
constexpr std::chrono::seconds kLongestAttempt{120};
constexpr milliseconds kBeforeRerun{200};
constexpr milliseconds kTypicalCopy{600};
constexpr milliseconds kWritersLockTimeout{1000};
constexpr int kMoreReruns = 8;
constexpr int kStopped = 75;
constexpr double kMostSent = 1.5;

/// A check that did not hold.
struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A command of the job, and within how long a strike comes from its start: about as long as the
/// command takes when nothing goes wrong.
struct Command {
    std::string name;
    Arguments more;
    milliseconds typical;
    int strikes = 0;
};

class TempFolder {
  public:
    TempFolder() : path_((std::filesystem::temp_directory_path() / "pghaul-XXXXXX").string()) {
        if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
    }
    ~TempFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

class Round {
  public:
    Round(Arena& arena, unsigned seed, Kind kind)
        : arena_(arena),
          random_(seed),
          as_(draw(random_, 2) == 0 ? As::superuser : As::owner),
          ends_(arena.make_ends(as_, kind == Kind::full_disk)),
          marker_(fmt::format("PGHAUL_FAULTS_ROUND={}-{}", ::getpid(), ends_.source.database)) {
        result_.kind = kind;
        result_.seed = seed;
    }
    ~Round() { arena_.remove(ends_); }
    Round(const Round&) = delete;
    Round& operator=(const Round&) = delete;

    RoundResult play() {
        const auto begin = SteadyClock::now();
        fault_ = make_fault(result_.kind, {arena_, ends_, random_}, result_.skipped);
        if (fault_ == nullptr) return std::move(result_);
        try {
            prepare();
            move();
        } catch (const std::exception& error) {
            result_.failure = error.what();
        }
        fault_.reset();
        result_.seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
        return std::move(result_);
    }

  private:
    void prepare() {
        jobs_ = draw_between(random_, 1, 4);
        const int chunk_mb = draw_between(random_, 1, 2);
        const Arguments options = {"-j", std::to_string(jobs_),
                                   fmt::format("--chunk-size={}MB", chunk_mb), "--progress",
                                   "none"};
        const Arguments quiet = {"--progress", "none"};
        commands_.push_back({"run", options, milliseconds(1600)});
        if (draw(random_, 3) == 0) commands_.push_back({"verify", quiet, milliseconds(600)});
        if (draw(random_, 3) == 0) {
            commands_.push_back(
                {"follow", {"--until-current", "--progress", "none"}, milliseconds(300)});
        }
        commands_.push_back({"cutover", quiet, milliseconds(600)});
        commands_.push_back({"drop", {}, milliseconds(50)});
        const int strikes = draw_between(random_, 1, fault_->most_strikes());
        for (int i = 0; i < strikes; ++i) {
            // Two of three hit the run; it is most of the job.
            const int others = static_cast<int>(commands_.size()) - 1;
            ++commands_[draw(random_, 3) > 0 ? 0
                                             : static_cast<std::size_t>(1 + draw(random_, others))]
                  .strikes;
        }
        pause_ = milliseconds(draw_between(random_, 0, 20));
        const bool through_files = draw(random_, 3) == 0;
        if (through_files) commands_.front().more.emplace_back("--spool=always");
        result_.setting =
            fmt::format("as {}, -j {}, chunks of {} MB, writers pause {} ms{}", name_of(as_), jobs_,
                        chunk_mb, pause_.count(), through_files ? ", through files" : "");
    }

    void move() {
        Writers writers(ends_.writer_conninfo(), busy_writers(),
                        {result_.seed, pause_, kWritersLockTimeout, /*reconnects=*/true});
        int left = 0;
        for (auto& command : commands_) {
            // Strikes that came too late for a command may hit the next one.
            command.strikes += left;
            if (command.name == "drop") {
                // Cut over: nobody writes to the source any more.
                writers.stop();
                hold(writers_wrote_, "no writer has written");
                look_at_data();
            }
            const auto read_before = ends_.source.proxy.rows_read();
            finish(command);
            if (command.name == "run") look_at_copy(ends_.source.proxy.rows_read() - read_before);
            writers_wrote_ = writers_wrote_ || writers.written() > 0;
            left = command.strikes;
        }
        look_at_what_is_left();
    }

    /// Starts a command again until it is done.
    void finish(Command& command) {
        const int most = command.strikes + kMoreReruns;
        for (int start = 0; start <= most; ++start) {
            if (start > 0) {
                ++result_.reruns;
                std::this_thread::sleep_for(kBeforeRerun);
            }
            if (attempt(command)) return;
        }
        throw Broken(fmt::format("{} is not done after {} starts", command.name, most + 1));
    }

    /// Returns: whether the command is done.
    bool attempt(Command& command) {
        Arguments argv = {PGHAUL_PROGRAM, command.name,
                          "--source",     ends_.source.through_proxy(ends_.user),
                          "--target",     ends_.target.through_proxy(ends_.user)};
        argv.insert(argv.end(), command.more.begin(), command.more.end());
        Environment env = {{"TMPDIR", temp_.path()},
                           {"PGHAUL_FAULTS_ROUND", marker_.substr(marker_.find('=') + 1)}};
        if (result_.kind == Kind::clock_jump) env.merge(arena_.clock().environment());
        if (command.strikes > 0) env.merge(fault_->environment(command.name));

        const auto begin = SteadyClock::now();
        const int before = result_.faults;
        ChildProcess child(argv, env);
        const auto since = [&] {
            return std::chrono::duration<double>(SteadyClock::now() - begin).count();
        };
        const auto struck = [&](const std::string& what) {
            tell(fmt::format("  {:6.3f} s: {}\n", since(), what));
            ++result_.faults;
            --command.strikes;
        };
        tell(fmt::format("pghaul {}\n", command.name));
        const auto after = [&](milliseconds most) {
            return SteadyClock::now() + milliseconds(draw(random_, static_cast<int>(most.count())));
        };
        const auto rows_before = ends_.source.proxy.rows_read();
        // Every other strike on a run waits for the copy.
        bool awaits_copy = command.name == "run" && draw(random_, 2) == 0;
        auto next = after(command.typical);
        std::optional<ProcessResult> ended;
        while (!(ended = child.wait(kTick))) {
            fault_->tick();
            const auto now = SteadyClock::now();
            if (now - begin > kLongestAttempt) hung(command, child);
            if (awaits_copy && ends_.source.proxy.rows_read() > rows_before) {
                awaits_copy = false;
                next = after(kTypicalCopy);
            }
            if (command.strikes <= 0 || awaits_copy || now < next) continue;
            if (const auto what = fault_->strike(child); !what.empty()) {
                struck(what);
                next = after(command.typical);
            }
        }
        if (const auto what = fault_->struck_inside(*ended); !what.empty()) struck(what);
        fault_->heal();
        tell(fmt::format("  {:6.3f} s: {}\n", since(),
                         ended->signal != 0 ? fmt::format("died of signal {}", ended->signal)
                                            : fmt::format("exit code {}", ended->exit_code)));
        tell_output(*ended);
        return judge(command, *ended, result_.faults > before);
    }

    /// Returns: whether the command is done; false: it may be started again.
    bool judge(const Command& command, const ProcessResult& ended, bool struck) {
        if (ended.ok()) return true;
        const bool killed = ended.signal == SIGKILL && struck;
        // Cutover may find writers that do not let go, whatever else happens.
        const bool stopped =
            ended.exit_code == kStopped && (result_.faults > 0 || command.name == "cutover");
        if (killed || stopped || (ended.exit_code == 1 && fault_->explains_failure(ended))) {
            return false;
        }
        throw Broken(fmt::format("{} ended with exit code {}, signal {}, without a cause",
                                 command.name, ended.exit_code, ended.signal));
    }

    [[noreturn]] void hung(const Command& command, ChildProcess& child) {
        for (const auto& end : {ends_.source, ends_.target}) {
            tell(end.server.conninfo(end.database) + "\n" +
                 end.sql("select pid, application_name, state, wait_event_type, wait_event, "
                         "now() - state_change, left(query, 200) from pg_stat_activity where "
                         "datname = current_database() order by 2;") +
                 "\n");
        }
        tell(child.err());
        child.kill(SIGKILL);
        throw Broken(
            fmt::format("{} hangs: not over after {} s", command.name, kLongestAttempt.count()));
    }

    void look_at_copy(std::int64_t rows_sent) {
        const auto loaded = std::stod(
            ends_.target.sql("select sum(rows) from pghaul.chunk where loaded_at is not null;"));
        result_.sent_ratio = static_cast<double>(rows_sent) / loaded;
        chunk_rows_ = std::stol(ends_.target.sql("select max(rows) from pghaul.chunk;"));
        // Each start may cost the chunk in hand of every stream, which is much where chunks are
        // few.
        const double in_hand = static_cast<double>(result_.reruns * jobs_ * chunk_rows_) / loaded;
        hold(result_.sent_ratio <= std::max(kMostSent, 1 + in_hand),
             fmt::format("rows were sent {:.2f} times", result_.sent_ratio));
    }

    void look_at_data() {
        result_.differences = compare(ends_);
        hold(result_.differences.text.empty(),
             fmt::format("{} rows lost, {} doubled\n{}", result_.differences.lost,
                         result_.differences.doubled, result_.differences.text));
    }

    void look_at_what_is_left() {
        const auto none = [&](const std::string& left, const std::string& what) {
            hold(left.empty(), what + " left:\n" + left);
        };
        none(sessions_left(ends_), "sessions");
        none(processes_left(marker_), "processes");
        none(files_left(temp_.path()), "temporary files");
        none(objects_left(ends_), "objects or differences of the schema");
        result_.waste = waste_of(ends_);
        hold(result_.waste.dead_rows <= chunk_rows_,
             fmt::format("{} dead rows left, more than the {} of a chunk", result_.waste.dead_rows,
                         chunk_rows_));
    }

    static void hold(bool right, const std::string& what) {
        if (!right) throw Broken(what);
    }

    void tell(const std::string& text) { result_.story += text; }
    void tell_output(const ProcessResult& ended) {
        std::istringstream lines(ended.err);
        for (std::string line; std::getline(lines, line);) tell("      | " + line + "\n");
    }

    Arena& arena_;
    Random random_;
    As as_;
    Ends ends_;
    std::string marker_;
    TempFolder temp_;
    RoundResult result_;
    std::unique_ptr<Fault> fault_;
    std::vector<Command> commands_;
    long chunk_rows_ = 0;
    int jobs_ = 1;
    milliseconds pause_{0};
    bool writers_wrote_ = false;
};

}  // namespace

RoundResult play_round(Arena& arena, unsigned seed, Kind kind) {
    return Round(arena, seed, kind).play();
}

}  // namespace pghaul::test::faults
