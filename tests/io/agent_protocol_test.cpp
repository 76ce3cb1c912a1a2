#include "io/agent_protocol.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <random>
#include <thread>

#include "io/file_descriptor.hpp"
#include "io/frame_pipe.hpp"

namespace pghaul::io {
namespace {

void wait_for(int fd, short events) {
    pollfd entry{fd, events, 0};
    if (::poll(&entry, 1, 10'000) != 1) throw Error("nothing came");
}

class FramePipe : public testing::Test {
  protected:
    FramePipe() {
        std::array<int, 2> fds{};
        EXPECT_EQ(::pipe(fds.data()), 0);
        read_end_ = FileDescriptor(fds[0]);
        write_end_ = FileDescriptor(fds[1]);
        ::fcntl(fds[1], F_SETFL, O_NONBLOCK);
        reader_.emplace(fds[0], wait_for);
        writer_.emplace(fds[1], wait_for);
    }

    FileDescriptor read_end_;
    FileDescriptor write_end_;
    std::optional<FrameReader> reader_;
    std::optional<FrameWriter> writer_;
};

TEST_F(FramePipe, CarriesFramesOfEverySize) {
    std::mt19937 random(20261126);
    std::vector<std::string> sent;
    for (const std::size_t size : {0U, 1U, 11U, 65535U, 65536U, 65537U, 3000000U, 5U}) {
        std::string payload(size, '\0');
        for (auto& byte : payload) byte = static_cast<char>(random());
        sent.push_back(payload);
    }
    std::thread writing([&] {
        writer_->write_text("hello\n");
        std::uint32_t kind = 0;
        for (const auto& payload : sent) writer_->write(++kind, payload);
        write_end_.reset();
    });
    std::string line;
    reader_->read_line(100, line);
    EXPECT_EQ(line, "hello");
    std::vector<char> payload;
    std::uint32_t kind = 0;
    for (const auto& expected : sent) {
        EXPECT_EQ(reader_->read(payload), ++kind);
        EXPECT_TRUE(std::string_view(payload.data(), payload.size()) == expected);
    }
    EXPECT_THROW(reader_->read(payload), PipeEnded);
    writing.join();
}

TEST_F(FramePipe, TellsGarbageFromFrames) {
    writer_->write_text("Last login: Monday\n");
    std::vector<char> payload;
    try {
        reader_->read(payload);
        FAIL() << "taken for a frame";
    } catch (const PipeEnded&) {
        FAIL() << "taken for the end";
    } catch (const Error& error) {
        EXPECT_TRUE(error.retryable() && error.poisons_connection());
        EXPECT_FALSE(error.hint().empty());
    }
}

TEST_F(FramePipe, GivesNoRoomToAnAbsurdSize) {
    writer_->write_text(std::string("PGHF\x69\0\0\0\xFF\xFF\xFF\xFF", 12));
    std::vector<char> payload;
    EXPECT_THROW(reader_->read(payload), Error);
    EXPECT_TRUE(payload.empty());
}

TEST_F(FramePipe, KeepsWhatCameBeforeTheEndOfAnUnfinishedLine) {
    writer_->write_text("sh: not found");
    write_end_.reset();
    std::string line;
    EXPECT_THROW(reader_->read_line(100, line), PipeEnded);
    EXPECT_EQ(line, "sh: not found");
}

TEST_F(FramePipe, SaysWhenTheReaderHasGone) {
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    read_end_.reset();
    EXPECT_THROW(writer_->write(1, "x"), PipeEnded);
    std::signal(SIGPIPE, before);
}

TEST_F(FramePipe, DoesNotWaitForRoomWhenOnlyTrying) {
    int written = 0;
    while (writer_->try_write(7)) ++written;
    EXPECT_GT(written, 1000);
    std::vector<char> payload;
    for (; written > 0; --written) ASSERT_EQ(reader_->read(payload), 7U);
}

TEST(AgentProtocol, TellsHelloFromEverythingElse) {
    auto line = hello_line(kAgentHello, "1.2.3");
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    const auto hello = parse_hello(kAgentHello, line);
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->protocol, kAgentProtocol);
    EXPECT_EQ(hello->version, "1.2.3");
    EXPECT_EQ(parse_hello(kAgentHello, "pghaul-agent 77 9.9")->protocol, 77);
    for (const auto* other : {"", "pghaul-agent", "pghaul-agent ", "pghaul-agent x 1",
                              "pghaul-agents 1 1.0", "pghaul 1 0.1", "Welcome", "pghaul-agent 1"}) {
        EXPECT_FALSE(parse_hello(kAgentHello, other)) << other;
    }
}

TEST(AgentProtocol, CarriesAnErrorWithAllItsProperties) {
    Error error("it broke");
    error.sqlstate("40001").statement("copy_out").detail("d").hint("h").retryable(true);
    error.poisons_connection(true).exit_code(ExitCode::stopped);
    const auto back = decode_error(encode(error));
    EXPECT_EQ(back.report(), error.report());
    EXPECT_TRUE(back.retryable() && back.poisons_connection());
    EXPECT_EQ(back.exit_code(), ExitCode::stopped);
    EXPECT_FALSE(decode_error(encode(Error("x"))).retryable());
    EXPECT_EQ(decode_error(encode(Error("x"))).exit_code(), ExitCode::failed);
}

TEST(AgentProtocol, CarriesRequests) {
    OpenRequest open;
    open.info = ConnInfo::parse("host=db password='it\\'s' dbname=shop");
    open.settings = {"job", "read 1", "UTF8", std::chrono::milliseconds(70), {{"jit", "off"}}};
    const auto back = decode_open(encode(open));
    EXPECT_EQ(back.info.values(), open.info.values());
    EXPECT_EQ(back.settings.job, "job");
    EXPECT_EQ(back.settings.role, "read 1");
    EXPECT_EQ(back.settings.client_encoding, "UTF8");
    EXPECT_EQ(back.settings.lock_timeout.count(), 70);
    EXPECT_EQ(back.settings.extra, open.settings.extra);
    const auto query = decode_query(encode({"a", std::nullopt, ""}, Query{"n", "select $1"}));
    EXPECT_EQ(query.name, "n");
    EXPECT_EQ(query.text, "select $1");
    EXPECT_EQ(query.params, (Params{"a", std::nullopt, ""}));
}

TEST(AgentProtocol, RefusesPayloadsThatEndEarly) {
    const auto good = encode(Params{"abc"}, Query{"name", "text"});
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_THROW(decode_query(good.substr(0, size)), Error) << size;
    }
}

}  // namespace
}  // namespace pghaul::io
