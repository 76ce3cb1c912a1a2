// --source-via as its users write it: through a real sshd, here on this machine. sshd is the one in
// $PGHAUL_SSHD or the system's; it runs as the user that the servers run as, since an sshd of root
// needs accounts of its own.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>

#include "tests/cmd/haul_steps.hpp"
#include "tests/support/cluster_folder.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

std::string sshd_program() {
    const char* given = std::getenv("PGHAUL_SSHD");
    const std::string path = given == nullptr ? "/usr/sbin/sshd" : given;
    return ::access(path.c_str(), X_OK) == 0 ? path : "";
}

bool accepts_connections(int port) {
    const FileDescriptor probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

class SourceViaSsh : public HaulTest {
  protected:
    void SetUp() override {
        HaulTest::SetUp();
        if (IsSkipped()) return;
        if (sshd_program().empty()) GTEST_SKIP() << "there is no sshd, nor is it in $PGHAUL_SSHD";
        if (run_process({"ssh", "-V"}).exit_code != 0) GTEST_SKIP() << "there is no ssh";
        const auto user = server_user();
        const auto* entry = ::getpwuid(user ? user->uid : ::getuid());
        if (entry == nullptr) GTEST_SKIP() << "this user has no name to log in with";
        user_ = entry->pw_name;
        const auto seen = run_process({PGHAUL_PROGRAM, "--version"}, {}, {}, user);
        if (!seen.ok()) GTEST_SKIP() << user_ << " can't run " << PGHAUL_PROGRAM;
        start_sshd();
    }
    void TearDown() override {
        if (sshd_ > 0) {
            ::kill(sshd_, SIGTERM);
            wait_for_exit(sshd_, std::chrono::seconds(5));
        }
        if (!folder_.empty()) run_process({"rm", "-rf", folder_});
    }

    std::string ssh_command() const {
        return "ssh -i " + folder_ + "/key -p " + std::to_string(port_) +
               " -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
               "-o LogLevel=ERROR " +
               user_ + "@127.0.0.1 ";
    }

  private:
    void start_sshd() {
        folder_ = make_server_folder("/tmp", "pghaul-sshd-");
        const auto user = server_user();
        for (const std::string key : {"key", "host"}) {
            ASSERT_TRUE(exited(run_process({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                                            folder_ + "/" + key},
                                           {}, {}, user),
                               0));
        }
        std::random_device random;
        port_ = 15000 + static_cast<int>(random() % 15000);
        std::ofstream(folder_ + "/config")
            << "Port " << port_ << "\nListenAddress 127.0.0.1\nHostKey " << folder_
            << "/host\nAuthorizedKeysFile " << folder_
            << "/key.pub\nStrictModes no\nUsePAM no\nPidFile none\n";
        const MemoryFile log;
        sshd_ = spawn({.argv = {sshd_program(), "-D", "-e", "-f", folder_ + "/config"},
                       .stderr_fd = log.fd(),
                       .user = user});
        ASSERT_TRUE(eventually([&] { return accepts_connections(port_); })) << log.content();
    }

    std::string folder_;
    std::string user_;
    int port_ = 0;
    pid_t sshd_ = 0;
};

TEST_F(SourceViaSsh, BringsTheSameDatabase) {
    const auto pair = fresh_pair(
        "create table t (id int primary key, pad text);"
        "insert into t select i, repeat(md5(i::text), 6) from generate_series(1, 30000) i; "
        "analyze;");
    const auto result =
        run(pair, {"--source-via", ssh_command() + PGHAUL_PROGRAM " agent", "--chunk-size=1MB"});
    EXPECT_TRUE(exited(result, 0));
    EXPECT_EQ(result.err.find("trying again"), std::string::npos) << result.err;
    EXPECT_TRUE(equal(pair, true));
    EXPECT_TRUE(no_sessions_left()) << pghaul_sessions(source_server());
}

TEST_F(SourceViaSsh, ASignalEndsTheAgentOnTheOtherSide) {
    const auto pair = fresh_pair(gated_table());
    Gate gate(pair);
    ChildProcess child(run_argv(
        pair, {"--source-via", ssh_command() + PGHAUL_PROGRAM " agent", "--chunk-size=1MB"}));
    ASSERT_TRUE(gate.reached());
    child.kill(SIGKILL);
    ASSERT_TRUE(child.wait(std::chrono::seconds(5)).has_value());
    gate.open();
    EXPECT_TRUE(no_sessions_left()) << pghaul_sessions(source_server());
}

TEST_F(SourceViaSsh, TellsWhyALoginFailed) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    const auto refusal = run(pair, {"--source-via", "ssh -i /dev/null " + ssh_command().substr(4) +
                                                        "/no/such/pghaul agent"});
    EXPECT_TRUE(refused(refusal, 1, {"exit code 127", "No such file"}));
    auto wrong = ssh_command();
    wrong.replace(wrong.find("/key "), 5, "/host ");
    EXPECT_TRUE(refused(run(pair, {"--source-via", wrong + PGHAUL_PROGRAM " agent"}), 1,
                        {"Permission denied"}));
}

}  // namespace
}  // namespace pghaul::test
