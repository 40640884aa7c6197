using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion.Networks;

namespace InverseSolver.UnitTests.Diffusion.HostileModels;

/// <summary>A way to spoil a good package, and what its refusal says. False from the first: it cannot be done on this machine.</summary>
internal sealed record HostileCase(string Says, Func<string, bool> Spoil);

/// <summary>The hostile packages, by name: one line for each. They are made from a small good package in a folder of their own.</summary>
internal static class Corpus
{
    private const string Weights = "unet/" + Network.WeightsName;
    private const string Config = "unet/config.json";
    private const string Scheduler = "scheduler/scheduler_config.json";
    private const string Card = "model.json";
    private const long Terabyte = 1L << 40;

    public static IReadOnlyDictionary<string, HostileCase> Cases { get; } = new Dictionary<string, HostileCase>
    {
        ["offsets past the end"] = Header("truncated, or its offsets are wrong", h => Move(h, ^1, 1L << 40)),
        ["offsets that fall"] = Header("data_offsets must be two rising numbers", h => h["conv_in.bias"]!["data_offsets"] = Offsets(128, 0)),
        ["offsets that overlap"] = Header("overlaps another tensor", h => Move(h, 1, -4)),
        ["offsets beyond 64 bits"] = Header(
            "data_offsets must hold whole numbers from 0", h => h["conv_in.bias"]!["data_offsets"] = JsonNode.Parse("[0, 99999999999999999999]")),
        ["a gigantic shape"] = Header("does not fill its", h => h["conv_in.bias"]!["shape"] = new JsonArray(1L << 62)),
        ["a shape whose product overflows"] = Header("does not fill its", h => h["conv_in.bias"]!["shape"] = new JsonArray(1L << 32, 1L << 32, 1L << 32, 4)),
        ["a shape whose product overflows to its size"] = Header(
            "does not fill its", h => h["conv_in.bias"]!["shape"] = new JsonArray((1L << 62) + Bytes(h, "conv_in.bias") / 4)),
        ["a shape below zero"] = Header("shape must hold whole numbers from 0", h => h["conv_in.bias"]!["shape"] = new JsonArray(-1)),
        ["too many dimensions"] = Header(
            "shape must be a list of at most 16 numbers",
            h => h["conv_in.bias"]!["shape"] = new JsonArray([.. Enumerable.Repeat(1, 17).Select(n => (JsonNode)n)])),
        ["a NaN"] = Last("holds a NaN or an infinity", [0, 0, 0xC0, 0x7F]),
        ["an infinity"] = Last("holds a NaN or an infinity", [0, 0, 0x80, 0xFF]),
        ["a zip archive as weights"] = File(Weights, "is a pickle in a zip archive", [0x50, 0x4B, 3, 4, .. new byte[4096]]),
        ["a pickle as weights"] = File(Weights, "pickles can run code", [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20]),
        ["a header longer than the file"] = File(Weights, "does not fit into the file", [0, 0, 1, 0, 0, 0, 0, 0, 0x7B]),
        ["a header of 2^63 bytes"] = File(Weights, "announces a header of 9223372036854775808 bytes", [0, 0, 0, 0, 0, 0, 0, 0x80, 0x7B]),
        ["a header of 5 MiB in a file of a terabyte"] = Sparse(
            Weights, "announces a header of 5242880 bytes; at most 2097152 are read", Terabyte, [0, 0, 0x50, 0, 0, 0, 0, 0, 0x7B]),
        ["weights of a terabyte"] = Sparse(Weights, "take 1048575 MiB on cpu; all models together may take", Terabyte, SparseHeader(Terabyte)),
        ["a header of 2 MiB with a tensor in each 50 bytes"] = new("tensors; at most 20000 are read", folder => Write(folder, Weights, ManyTensors())),
        ["a deep header"] = File(Weights, "is not valid JSON", Framed("{\"a\":" + new string('[', 1_000_000) + new string(']', 1_000_000) + "}")),
        ["a name twice in a header"] = File(
            Weights, "is not valid JSON: a name stands in it twice",
            Framed("""{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""")),
        ["no text in a header"] = File(Weights, "holds a name that is not Unicode", [8, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x3A, 0x31, 0x7D]),
        ["a deep config"] = File(
            Config, "unet/config.json is not valid JSON", Encoding.UTF8.GetBytes("{\"a\":" + new string('[', 400_000) + new string(']', 400_000) + "}")),
        ["an option twice in a config"] = File(
            Config, "unet/config.json is not valid JSON: a name stands in it twice",
            """{"_class_name": "UNet2DModel", "_class_name": "UNet2DModel"}"""u8.ToArray()),
        ["a config of a terabyte"] = Sparse(Config, "unet/config.json is larger than 1048576 bytes", Terabyte, "{"u8.ToArray()),
        ["a gigantic network in a config"] = Json(Config, "the config requires", json => json["block_out_channels"] = new JsonArray(65536, 65536, 65536)),
        ["a schedule of ten million steps"] = Json(Scheduler, "num_train_timesteps", json => json["num_train_timesteps"] = 10_000_000),
        ["a card of a terabyte"] = Sparse(Card, "model.json is larger than 1048576 bytes", Terabyte, "{"u8.ToArray()),
        ["a hash of a file above the package"] = Hash("../secret", "names '../secret', which lies outside the package"),
        ["a hash of a file by its full name"] = Hash("/etc/passwd", "names '/etc/passwd', which lies outside the package"),
        ["a hash of a file beside the package"] = Hash("unet/../../other", "which lies outside the package"),
        ["a hash of a file with a backslash"] = Hash("..\\secret", "which lies outside the package"),
        ["a hash of an endless list"] = Json(
            Card, "sha256 must map file names to hashes",
            json => json["sha256"] = new JsonObject([.. Enumerable.Range(0, 1001).Select(i => KeyValuePair.Create($"{i}", (JsonNode?)new string('0', 64)))])),
        ["a hash of another file of a terabyte"] = new("lists more than 1073741824 bytes of files that are not part", folder =>
            Sparse("other.bin", "", Terabyte, []).Spoil(folder) && Hash("other.bin", "").Spoil(folder)),
        ["weights that are a pipe"] = Special(Weights, "pipe, a socket or a device", path => Made("mkfifo", path)),
        ["a config that is a pipe"] = Special(Config, "unet/config.json is a pipe, a socket or a device", path => Made("mkfifo", path)),
        ["a schedule that is a pipe"] = Special(Scheduler, "pipe, a socket or a device", path => Made("mkfifo", path)),
        ["a card that is a pipe"] = Special(Card, "model.json is a pipe, a socket or a device", path => Made("mkfifo", path)),
        ["weights that are a device"] = Special(Weights, "pipe, a socket or a device", path => Made("mknod", path, "c", "1", "5")),
        ["weights that are a socket"] = Special(Weights, "cannot be read", Socket),
        ["weights that are a folder"] = Special(Weights, "is a folder, not a file", path => Directory.CreateDirectory(path).Exists),
        ["a card that is a folder"] = Special(Card, "model.json is a folder, not a file", path => Directory.CreateDirectory(path).Exists),
        ["weights by a link to an endless device"] = Link(Weights, "/dev/zero", "is a link to a place outside the folders of models"),
        ["a config by a link to a secret"] = Link(Config, "/etc/passwd", "is a link to a place outside the folders of models"),
        ["a card by a link to another process"] = Link(Card, "/proc/self/environ", "is a link to a place outside the folders of models"),
        ["a folder by a link"] = Link("vae", "/etc", "is a link to a place outside the folders of models"),
        ["a link above the package by dots"] = Link("unet/more", "../../../../../../../../etc/hostname", "is a link to a place outside the folders of models"),
        ["a link to nothing"] = Link(Weights, "nothing", "is a link without a target"),
        ["a link to itself"] = Link(Weights, Network.WeightsName, "is a link without a target"),
        ["two thousand files"] = new("holds more than 1000 files", folder => Enumerable.Range(0, 2000).All(i => Write(folder, $"{i}.txt", []))),
        ["folders in folders without end"] = new("unet/config.json is missing", folder =>
        {
            Directory.CreateDirectory(Path.Combine(folder, string.Join('/', Enumerable.Repeat("d", 500))));
            System.IO.File.Delete(Path.Combine(folder, Config));
            return Write(folder, Card, "{}"u8.ToArray());
        }),
    };

    private static HostileCase Header(string says, Action<JsonObject> change) => new(says, folder =>
    {
        SafetensorsBuilder builder = SafetensorsBuilder.From(Path.Combine(folder, Weights));
        change(builder.Header);
        return Write(folder, Weights, builder.ToBytes());
    });

    private static HostileCase Last(string says, byte[] value) =>
        new(says, folder => Write(folder, Weights, [.. System.IO.File.ReadAllBytes(Path.Combine(folder, Weights))[..^4], .. value]));

    private static HostileCase File(string file, string says, byte[] bytes) => new(says, folder => Write(folder, file, bytes));

    private static HostileCase Json(string file, string says, Action<JsonObject> change) => new(says, folder =>
    {
        string path = Path.Combine(folder, file);
        JsonObject json = System.IO.File.Exists(path) ? JsonNode.Parse(System.IO.File.ReadAllText(path))!.AsObject() : [];
        change(json);
        return Write(folder, file, Encoding.UTF8.GetBytes(json.ToJsonString()));
    });

    private static HostileCase Hash(string file, string says) => Json(Card, says, json => json["sha256"] = new JsonObject { [file] = new string('0', 64) });

    private static HostileCase Sparse(string file, string says, long length, byte[] start) => new(says, folder =>
    {
        using FileStream stream = System.IO.File.Create(Path.Combine(folder, file));
        stream.Write(start);
        stream.SetLength(length);
        return true;
    });

    private static HostileCase Special(string file, string says, Func<string, bool> make) => new(says, folder =>
    {
        System.IO.File.Delete(Path.Combine(folder, file));
        return make(Path.Combine(folder, file));
    });

    private static HostileCase Link(string file, string target, string says) =>
        Special(file, says, path => System.IO.File.CreateSymbolicLink(path, target) is not null);

    private static JsonArray Offsets(long begin, long end) => new(begin, end);

    // In the order in which they lie in the file.
    private static void Move(JsonObject header, Index tensor, long by)
    {
        JsonNode entry = header.Select(one => one.Value!).OrderBy(one => one["data_offsets"]![0]!.GetValue<int>()).ToArray()[tensor];
        entry["data_offsets"] = Offsets(entry["data_offsets"]![0]!.GetValue<int>() + by, entry["data_offsets"]![1]!.GetValue<int>() + by);
    }

    private static long Bytes(JsonObject header, string tensor) =>
        header[tensor]!["data_offsets"]![1]!.GetValue<int>() - header[tensor]!["data_offsets"]![0]!.GetValue<int>();

    private static bool Write(string folder, string file, byte[] bytes)
    {
        System.IO.File.WriteAllBytes(Path.Combine(folder, file), bytes);
        return true;
    }

    private static byte[] Framed(string header) => [.. BitConverter.GetBytes((long)Encoding.UTF8.GetByteCount(header)), .. Encoding.UTF8.GetBytes(header)];

    private static byte[] SparseHeader(long fileBytes)
    {
        string Of(long data) => "{\"a\":{\"dtype\":\"F32\",\"shape\":[" + data / 4 + "],\"data_offsets\":[0," + data + "]}}";
        long data = fileBytes - 8 - 128;
        return Framed(Of(data).PadRight(128));
    }

    private static byte[] ManyTensors()
    {
        var header = new StringBuilder("{");
        for (int i = 0; header.Length < (2 << 20) - 100; i++)
        {
            header.Append(i == 0 ? "" : ",").Append('"').Append(i).Append("\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}");
        }

        return Framed(header.Append('}').ToString());
    }

    private static bool Made(string program, string path, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, [path, .. arguments]) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private static bool Socket(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        string shorter = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        socket.Bind(new UnixDomainSocketEndPoint(shorter));
        System.IO.File.Move(shorter, path);
        return true;
    }
}
