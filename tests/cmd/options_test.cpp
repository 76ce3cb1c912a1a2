// The command line as scripts and cron jobs rely on it.
#include "cmd/options.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "io/error.hpp"
#include "tests/support/process.hpp"

namespace pghaul::cmd {
namespace {

std::optional<Options> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "pghaul");
    return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

/// A good run with these arguments added.
Options run_with(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(),
                     {"run", "--source", "old", "--target", "new", "--no-capture"});
    return parse(arguments).value();
}

io::Error refusal_of(const std::vector<const char*>& arguments) {
    try {
        parse(arguments);
    } catch (const io::Error& error) {
        return error;
    }
    ADD_FAILURE() << "the command line was taken";
    return io::Error("none");
}

test::ProcessResult pghaul(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), PGHAUL_PROGRAM);
    return test::run_process(arguments);
}

TEST(Options, HaveTheDefaultsThatTheHelpTells) {
    const auto options = run_with({});
    EXPECT_EQ(options.command, Command::run);
    EXPECT_EQ(options.job, "old");
    EXPECT_EQ(options.jobs, 2);
    EXPECT_FALSE(options.chunk_bytes) << "it depends on the database";
    EXPECT_EQ(options.format, snapshot::FormatChoice::automatic);
    EXPECT_TRUE(options.freeze);
    EXPECT_EQ(options.spool, loader::SpoolMode::automatic);
    EXPECT_TRUE(options.spool_dir.empty());
    EXPECT_FALSE(options.spool_bytes) << "it depends on the disk";
    EXPECT_EQ(options.until, Until::verified);
    EXPECT_EQ(options.progress, ProgressMode::automatic);
    EXPECT_EQ(options.log_level, "info");
    EXPECT_FALSE(options.json || options.watch || options.no_owner || options.no_privileges ||
                 options.restart_copy || options.source_is_quiet || options.max_runtime ||
                 options.stop_at);
    EXPECT_TRUE(options.selection.everything());
}

TEST(Options, SayWhetherRowsGoThroughFiles) {
    const auto options =
        run_with({"--spool=always", "--spool-dir", "/some/where", "--spool-size=3GB"});
    EXPECT_EQ(options.spool, loader::SpoolMode::always);
    EXPECT_EQ(options.spool_dir, "/some/where");
    EXPECT_EQ(options.spool_bytes, std::int64_t{3} << 30);
    EXPECT_EQ(run_with({"--spool", "never"}).spool, loader::SpoolMode::never);
    EXPECT_EQ(run_with({"--spool", "auto"}).spool, loader::SpoolMode::automatic);
    const auto error = refusal_of({"run", "--source", "a", "--target", "b", "--spool-size=0"});
    EXPECT_EQ(error.exit_code(), io::ExitCode::usage);
    EXPECT_NE(std::string(error.what()).find("--spool=never"), std::string::npos);
    EXPECT_EQ(refusal_of({"run", "--source", "a", "--target", "b", "--spool=maybe"}).exit_code(),
              io::ExitCode::usage);
    EXPECT_EQ(parse({"drop", "--target", "b", "--spool-dir", "/some/where"})->spool_dir,
              "/some/where");
}

TEST(Options, TakeTheAutomaticChunkSizeByName) {
    EXPECT_FALSE(run_with({"--chunk-size", "auto"}).chunk_bytes);
    EXPECT_EQ(run_with({"--chunk-size", "256MB"}).chunk_bytes, 256 << 20);
}

TEST(Options, GoToCurrentUnlessChangesAreLeftOut) {
    const auto until = [](std::vector<const char*> more) {
        more.insert(more.begin(), {"run", "--source", "old", "--target", "new"});
        return parse(more)->until;
    };
    EXPECT_EQ(until({}), Until::verified);
    EXPECT_EQ(until({"--no-capture"}), Until::verified);
    EXPECT_EQ(until({"--verify", "full"}), Until::verified);
    EXPECT_EQ(until({"--verify", "none"}), Until::current);
    EXPECT_EQ(until({"--verify", "none", "--no-capture"}), Until::indexed);
    EXPECT_EQ(until({"--until", "captured"}), Until::captured);
    EXPECT_EQ(until({"--until", "current"}), Until::current);
}

TEST(Options, TakeDropWithEitherServer) {
    EXPECT_EQ(parse({"drop", "--source", "shop"})->target, "");
    EXPECT_EQ(parse({"drop", "--target", "shop"})->source, "");
}

TEST(Options, TakeFollowWithItsOwn) {
    const auto options =
        parse({"follow", "--source", "old", "--target", "new", "--until-current", "-j", "3"});
    EXPECT_EQ(options->command, Command::follow);
    EXPECT_TRUE(options->until_current);
    EXPECT_EQ(options->jobs, 3);
    EXPECT_EQ(options->job, "old");
}

TEST(Options, AreAllBound) {
    const auto options = run_with({"--job",
                                   "J.1-x_y",
                                   "-n",
                                   "a",
                                   "-n",
                                   "b",
                                   "-N",
                                   "c",
                                   "-t",
                                   "d",
                                   "-T",
                                   "e",
                                   "-j",
                                   "7",
                                   "--chunk-size",
                                   "1GB",
                                   "--format",
                                   "text",
                                   "--freeze",
                                   "never",
                                   "--no-owner",
                                   "--no-privileges",
                                   "--until",
                                   "copied",
                                   "--source-via",
                                   "ssh db pghaul agent",
                                   "--max-runtime",
                                   "2h",
                                   "--stop-at",
                                   "06:00",
                                   "--source-is-quiet",
                                   "--progress",
                                   "json",
                                   "--metrics-file",
                                   "m",
                                   "--log-file",
                                   "l",
                                   "--log-level",
                                   "debug",
                                   "--json"});
    EXPECT_EQ(options.job, "J.1-x_y");
    EXPECT_EQ(options.selection.schemas, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(options.selection.exclude_schemas, std::vector<std::string>{"c"});
    EXPECT_EQ(options.selection.tables, std::vector<std::string>{"d"});
    EXPECT_EQ(options.selection.exclude_tables, std::vector<std::string>{"e"});
    EXPECT_EQ(options.jobs, 7);
    EXPECT_EQ(options.chunk_bytes, 1 << 30);
    EXPECT_EQ(options.format, snapshot::FormatChoice::text);
    EXPECT_FALSE(options.freeze);
    EXPECT_TRUE(options.no_owner && options.no_privileges && options.source_is_quiet &&
                options.json);
    EXPECT_EQ(options.until, Until::copied);
    EXPECT_EQ(options.source_via, "ssh db pghaul agent");
    EXPECT_EQ(options.max_runtime, std::chrono::hours(2));
    EXPECT_TRUE(options.stop_at);
    EXPECT_EQ(options.progress, ProgressMode::json);
    EXPECT_EQ(options.metrics_file, "m");
    EXPECT_EQ(options.log_file, "l");
    EXPECT_EQ(options.log_level, "debug");
    EXPECT_TRUE(run_with({"--restart-copy"}).restart_copy);
    EXPECT_TRUE(parse({"status", "--target", "x", "--watch"})->watch);
    EXPECT_EQ(parse({"report", "--target", "x"})->command, Command::report);
    EXPECT_EQ(parse({"report", "--target", "x", "--output", "y"})->output, "y");
    const auto verify = parse({"verify", "--source", "a", "--target", "b", "-j", "3", "--sample",
                               "2.5", "--seed", "18446744073709551615", "-t", "c"});
    EXPECT_EQ(verify->command, Command::verify);
    EXPECT_EQ(verify->jobs, 3);
    EXPECT_EQ(verify->sample_percent, 2.5);
    EXPECT_EQ(verify->seed, 18446744073709551615U);
    EXPECT_EQ(verify->selection.tables, std::vector<std::string>{"c"});
    EXPECT_FALSE(verify->repair);
    EXPECT_TRUE(parse({"verify", "--source", "a", "--target", "b", "--repair"})->repair);
}

TEST(Options, GiveTheJobTheSourcesName) {
    const auto job = [](const char* source) {
        return parse({"plan", "--source", source, "--target", "x"})->job;
    };
    EXPECT_EQ(job("postgresql://me@old/shop"), "shop");
    EXPECT_EQ(job("host=old dbname='my shop'"), "my_shop");
    EXPECT_EQ(job("postgresql://me@old"), "me") << "libpq's default";
    EXPECT_EQ(parse({"status", "--target", "x"})->job, "") << "the only one there is";
}

TEST(Options, RefuseJobNamesThatDoNotFit) {
    for (const auto* job : {"a b", "a/b", "ä", "12345678901234567890123456789012345678901"}) {
        EXPECT_EQ(refusal_of({"plan", "--source", "a", "--target", "b", "--job", job}).exit_code(),
                  io::ExitCode::usage);
    }
}

TEST(Options, RefuseWhatTheyDoNotKnow) {
    for (const std::vector<const char*>& arguments : std::vector<std::vector<const char*>>{
             {},
             {"fly"},
             {"run"},
             {"run", "--source", "a"},
             {"run", "--target", "a", "--no-capture"},
             {"plan", "--source", "a", "--target", "b", "--nonsense"},
             {"plan", "--source", "a", "--target", "b", "extra"},
             {"plan", "--source", "a", "--target", "b", "-j", "0"},
             {"plan", "--source", "a", "--target", "b", "-j", "257"},
             {"plan", "--source", "a", "--target", "b", "-j", "two"},
             {"plan", "--source", "a", "--target", "b", "--format", "xml"},
             {"plan", "--source", "a", "--target", "b", "--until", "copied"},
             {"plan", "--source", "a", "--target", "b", "--chunk-size", "1kB"},
             {"verify", "--target", "a"},
             {"verify", "--source", "a", "--target", "b", "--sample", "101"},
             {"verify", "--source", "a", "--target", "b", "--seed", "1"},
             {"verify", "--source", "a", "--target", "b", "--sample", "1", "--repair"},
             {"run", "--source", "a", "--target", "b", "--until", "verified", "--verify", "none"},
             {"run", "--source", "a", "--target", "b", "--verify", "some"},
             {"follow", "--source", "a"},
             {"follow", "--target", "a"},
             {"follow", "--source", "a", "--target", "b", "--until", "current"},
             {"plan", "--source", "a", "--target", "b", "--source-via", "c"},
             {"agent", "--source", "a"},
             {"export", "--source", "a"},
             {"export", "d"},
             {"export", "d", "--source", "a", "--target", "b"},
             {"export", "d", "--source", "a", "--source-is-quiet"},
             {"export", "d", "--source", "a", "--no-capture", "--max-runtime", "1h"},
             {"import", "d"},
             {"import", "--target", "b"},
             {"import", "d", "--target", "b", "--verify", "full"},
             {"import", "d", "--target", "b", "--source", "a"},
             {"drop"}}) {
        const auto error = refusal_of(arguments);
        EXPECT_EQ(error.exit_code(), io::ExitCode::usage) << error.report();
        EXPECT_FALSE(error.hint().empty());
    }
}

TEST(Files, HaveAFolderAndOneServer) {
    const auto to = parse({"export", "/disk/shop", "--source", "shop", "--no-capture"});
    EXPECT_EQ(to->command, Command::export_image);
    EXPECT_EQ(to->folder, "/disk/shop");
    EXPECT_EQ(to->job, "shop");
    EXPECT_TRUE(to->no_capture);
    EXPECT_NE(to->effective().find("folder /disk/shop"), std::string::npos);
    const auto from = parse({"import", "/disk/shop", "--target", "shop"});
    EXPECT_EQ(from->command, Command::import_image);
    EXPECT_EQ(from->folder, "/disk/shop");
    EXPECT_EQ(from->job, "") << "the export says which";
}

TEST(Files, AreWrittenAndReadInTimeWindows) {
    const auto to = parse({"export", "/disk", "--source", "shop", "--max-runtime", "5h",
                           "--source-via", "ssh dbhost pghaul agent"});
    EXPECT_EQ(to->max_runtime, std::chrono::hours(5));
    EXPECT_EQ(to->source_via, "ssh dbhost pghaul agent");
    const auto from = parse({"import", "/disk", "--target", "shop", "--stop-at", "06:00"});
    EXPECT_TRUE(from->deadline(std::chrono::system_clock::now()).has_value());
}

class ConfigFile : public testing::Test {
  protected:
    /// Parses a run whose configuration file has this text.
    std::optional<Options> with(const std::string& text, std::vector<const char*> arguments = {},
                                const char* command = "run") {
        file_.emplace(text);
        path_ = file_->path();
        arguments.insert(arguments.begin(), {command, "--config", path_.c_str()});
        return parse(arguments);
    }
    std::string refusal(const std::string& text) {
        try {
            with(text, {"--source", "a", "--target", "b", "--no-capture"});
        } catch (const io::Error& error) {
            EXPECT_EQ(error.exit_code(), io::ExitCode::usage);
            return error.report();
        }
        ADD_FAILURE() << "the file was taken: " << text;
        return {};
    }

    std::optional<test::MemoryFile> file_;
    std::string path_;
};

TEST_F(ConfigFile, MayHoldTheServersOfAnExportAndAnImport) {
    const auto to = with("source = \"shop\"\ntarget = \"new\"\n", {"/disk"}, "export");
    EXPECT_EQ(to->source, "shop");
    EXPECT_EQ(to->folder, "/disk");
    const auto from = with("target = \"new\"\njobs = 4\n", {"/disk"}, "import");
    EXPECT_EQ(from->target, "new");
    EXPECT_EQ(from->jobs, 4);
}

TEST_F(ConfigFile, GivesWhatTheCommandLineDoesNot) {
    const auto options = with(
        "# nightly\nsource = \"postgresql://me@old/shop\"\ntarget = \"dbname=new host=n\"\n"
        "jobs = 4\nno-capture = true\nno-owner = false\nchunk-size = \"1GB\"\n"
        "table = [\"a.b\", \"c*\"]\n");
    EXPECT_EQ(options->source, "postgresql://me@old/shop");
    EXPECT_EQ(options->target, "dbname=new host=n");
    EXPECT_EQ(options->jobs, 4);
    EXPECT_TRUE(options->no_capture);
    EXPECT_FALSE(options->no_owner);
    EXPECT_EQ(options->chunk_bytes, 1 << 30);
    EXPECT_EQ(options->selection.tables, (std::vector<std::string>{"a.b", "c*"}));
}

TEST_F(ConfigFile, GivesWayToTheCommandLine) {
    const auto options = with("source = \"x\"\ntarget = \"y\"\njobs = 4\ntable = [\"a\"]\n",
                              {"--no-capture", "-j", "9", "-t", "b", "--source", "z"});
    EXPECT_EQ(options->jobs, 9);
    EXPECT_EQ(options->source, "z");
    EXPECT_EQ(options->target, "y");
    EXPECT_EQ(options->selection.tables, std::vector<std::string>{"b"});
}

TEST_F(ConfigFile, MayHoldOptionsOfOtherCommands) {
    const auto options =
        with("source = \"x\"\ntarget = \"y\"\njobs = 4\nmax-runtime = \"1h\"\n", {}, "status");
    EXPECT_EQ(options->command, Command::status);
    EXPECT_EQ(options->target, "y");
}

TEST_F(ConfigFile, IsRefusedWithTheNameOfWhatIsWrong) {
    EXPECT_NE(refusal("jbos = 4\n").find("jbos"), std::string::npos);
    EXPECT_NE(refusal("[run]\njobs = 4\n").find("[run]"), std::string::npos);
    EXPECT_NE(refusal("config = \"other\"\n").find("config"), std::string::npos);
    EXPECT_NE(refusal("jobs = 0\n").find("jobs"), std::string::npos);
    EXPECT_NE(refusal("no-owner = \"perhaps\"\n").find("no-owner"), std::string::npos);
    EXPECT_EQ(refusal_of({"run", "--config", "/nowhere/x.toml"}).exit_code(), io::ExitCode::usage);
}

TEST_F(ConfigFile, StillNeedsSourceAndTarget) {
    EXPECT_THROW(with("jobs = 4\n", {"--no-capture"}), io::Error);
    EXPECT_THROW(with("source = \"x\"\n", {"--no-capture"}), io::Error);
}

std::set<std::string> options_in(const std::string& help) {
    const std::regex option("^ +(?:-\\w, *)?--([a-z-]+)", std::regex::multiline);
    std::set<std::string> names;
    for (std::sregex_iterator at(help.begin(), help.end(), option), end; at != end; ++at) {
        names.insert((*at)[1]);
    }
    return names;
}

TEST(Help, ListsEveryOptionOfEveryCommand) {
    std::set<std::string> common = {"help",     "source",    "target", "job",      "config",
                                    "log-file", "log-level", "json",   "progress", "metrics-file"};
    auto plan = common;
    plan.insert({"schema", "exclude-schema", "table", "exclude-table", "jobs", "chunk-size",
                 "format", "freeze", "no-capture", "no-owner", "no-privileges"});
    auto run = plan;
    run.insert({"toast-compression", "until", "source-via", "verify", "max-runtime", "stop-at",
                "source-is-quiet", "restart-copy", "spool", "spool-dir", "spool-size"});
    auto follow = common;
    follow.insert({"jobs", "until-current"});
    auto cutover = common;
    cutover.insert({"jobs", "undo", "max-pause", "lock-timeout", "moved-to"});
    auto verify = common;
    verify.insert(
        {"schema", "exclude-schema", "table", "exclude-table", "jobs", "sample", "seed", "repair"});
    auto status = common;
    status.insert("watch");
    auto report = common;
    report.insert("output");
    auto worker = common;
    worker.insert({"jobs", "source-via", "toast-compression", "max-runtime", "stop-at"});
    auto drop = common;
    drop.insert("spool-dir");
    auto to_files = common;
    to_files.erase("target");
    to_files.insert({"schema", "exclude-schema", "table", "exclude-table", "jobs", "chunk-size",
                     "no-capture", "source-is-quiet", "source-via", "max-runtime", "stop-at"});
    auto from_files = common;
    from_files.erase("source");
    from_files.insert({"jobs", "no-owner", "no-privileges", "verify", "max-runtime", "stop-at"});
    const std::vector<std::pair<std::string, std::set<std::string>>> contract = {
        {"plan", plan},     {"run", run},         {"follow", follow},     {"cutover", cutover},
        {"verify", verify}, {"status", status},   {"report", report},     {"drop", drop},
        {"worker", worker}, {"export", to_files}, {"import", from_files}, {"agent", {"help"}}};
    for (const auto& [command, names] : contract) {
        const auto result = pghaul({command, "--help"});
        EXPECT_EQ(result.exit_code, 0) << command;
        EXPECT_EQ(options_in(result.out), names) << result.out;
        EXPECT_TRUE(result.err.empty()) << result.err;
    }
}

TEST(Help, ListsCommandsAndExitCodes) {
    const auto result = pghaul({"--help"});
    EXPECT_EQ(result.exit_code, 0);
    for (const auto* text : {"plan", "run", "follow", "cutover", "verify", "status", "report",
                             "drop", "agent", "export", "import", "0 done", "1 failed", "2 usage",
                             "3 no-go", "verify found differences", "75 stopped early"}) {
        EXPECT_NE(result.out.find(text), std::string::npos) << text;
    }
}

TEST(Help, TellsTheVersion) {
    const auto result = pghaul({"--version"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_TRUE(std::regex_match(result.out, std::regex("pghaul \\d+\\.\\d+\\.\\d+\n")))
        << result.out;
}

TEST(CommandLineErrors, ExitWithTwoAndTalkToStandardErrorOnly) {
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{}, {"fly"}, {"run", "--jobs", "x"}}) {
        const auto result = pghaul(arguments);
        EXPECT_EQ(result.exit_code, 2);
        EXPECT_TRUE(result.out.empty()) << result.out;
        EXPECT_NE(result.err.find("error: "), std::string::npos) << result.err;
        EXPECT_NE(result.err.find("HINT: "), std::string::npos) << result.err;
    }
}

TEST(CommandLineErrors, NeverRepeatAPassword) {
    const std::string uri = "postgresql://me:s3cret@127.0.0.1:1/db";
    const std::string pairs = "host=127.0.0.1 port=1 user=me password=s3cret dbname=db";
    const std::string quoted = "host=127.0.0.1 port=1 password='my s3cret' dbname=db";
    for (const auto& secret : {uri, pairs, quoted}) {
        for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
                 {secret},
                 {"run", secret},
                 {"run", "--sorce=" + secret},
                 {"run", "--source", secret},
                 {"plan", "--source", secret, "--target", "x", "--jobs", secret},
                 {"plan", "--source", "x", "--target", "x", "--format", secret},
                 {"plan", "--source", "x", "--target", "x", "--chunk-size", secret},
                 {"plan", "--source", "x", "--target", "x", "--job", secret},
                 {"plan", "--source", "x", "--target", "x", "--config", secret},
                 {"run", "--source", "x", "--target", "x", "--no-capture", "--stop-at", secret},
                 {"run", "--source", "x", "--target", "x", "--no-capture", "--max-runtime",
                  secret}}) {
            const auto result = pghaul(arguments);
            EXPECT_EQ(result.exit_code, 2) << result.err;
            EXPECT_EQ((result.out + result.err).find("s3cret"), std::string::npos) << result.err;
        }
        const auto unreachable = pghaul({"plan", "--source", secret, "--target", secret});
        EXPECT_EQ(unreachable.exit_code, 75) << unreachable.err;
        EXPECT_EQ((unreachable.out + unreachable.err).find("s3cret"), std::string::npos)
            << unreachable.err;
    }
    const auto broken = pghaul({"plan", "--source", uri + "?x=[", "--target", "x"});
    EXPECT_EQ(broken.exit_code, 2);
    EXPECT_EQ((broken.out + broken.err).find("s3cret"), std::string::npos) << broken.err;
}

}  // namespace
}  // namespace pghaul::cmd
