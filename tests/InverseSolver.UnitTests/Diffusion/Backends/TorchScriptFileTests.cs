using System.IO.Compression;
using System.Text;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion.Backends;

/// <summary>TorchScript files that are none, that lie, or that do not do what the package says.</summary>
[LeavesNoTensors]
public sealed class TorchScriptFileTests : IDisposable
{
    private readonly string _folder = OnnxPackage.Mixed(("torchscript", "unet"), ("torchscript", "vae_encoder"), ("torchscript", "vae_decoder"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_file_with_another_hash_is_refused_before_it_is_opened()
    {
        File.WriteAllBytes(UNet, [1, 2, 3]);
        File.WriteAllText(
            Path.Combine(_folder, "model.json"), """{"sha256": {"unet/model.pt": "HASH"}}""".Replace("HASH", new string('0', 64), StringComparison.Ordinal));
        Assert.Equal("unet/model.pt is not the file that model.json describes: its SHA-256 differs.", Refused());
    }

    [Fact]
    public void Garbage_and_a_file_that_breaks_off_are_no_zip_archive()
    {
        byte[] whole = File.ReadAllBytes(UNet);
        foreach (byte[] bytes in (byte[][])[[], [1, 2, 3], whole[..(whole.Length / 2)], whole[..^1]])
        {
            File.WriteAllBytes(UNet, bytes);
            Assert.Equal("unet/model.pt is not a TorchScript file: its zip archive is incomplete.", Refused());
        }
    }

    [Fact]
    public void A_checkpoint_of_torch_save_is_no_TorchScript()
    {
        Write(archive => Add(archive, "archive/data.pkl", [0x80, 2]));
        Assert.Equal(
            "unet/model.pt is not a TorchScript file: it holds no code, and may be a checkpoint of torch.save. Write it with torch.jit.save.", Refused());
    }

    [Fact]
    public void A_bomb_is_refused_without_being_unpacked()
    {
        Write(archive => Add(archive, "archive/data.pkl", new byte[200 << 20], CompressionLevel.Fastest));
        Assert.True(new FileInfo(UNet).Length < 2 << 20);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Matches(
            "^unet/model.pt: the entry 'archive/data.pkl' claims 209715200 bytes in [0-9]+, more than TorchScript's compression allows.$", Refused());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("archive/../../evil")]
    [InlineData("/etc/evil")]
    [InlineData("archive\\evil")]
    public void Names_that_leave_the_archive_are_refused(string name)
    {
        Write(archive => Add(archive, name, [1]));
        Assert.Equal($"unet/model.pt has an entry '{name}', which points outside the archive.", Refused());
    }

    [Fact]
    public void A_module_that_libtorch_cannot_read_is_refused_without_a_path()
    {
        Write(archive =>
        {
            Add(archive, "archive/data.pkl", [0x80, 2, 1, 2, 3]);
            Add(archive, "archive/code/x.py", [1]);
        });
        Assert.StartsWith("unet/model.pt cannot be loaded by libtorch ", Refused(), StringComparison.Ordinal);
    }

    // libtorch ends the process that reads either: an operator of a newer PyTorch, and a version that is no number.
    [Theory]
    [InlineData("code/__torch__", "torch.", "torch.newer_", "Unknown builtin op: aten::newer_")]
    [InlineData("version", "3", "99999999999999999999999", "stoull")]
    public void A_module_that_would_end_the_process_is_refused_in_libtorchs_words(string entry, string text, string other, string said)
    {
        Dictionary<string, byte[]> entries;
        using (ZipArchive whole = ZipFile.OpenRead(Path.Combine(TestData.Root, "tests", "InverseSolver.UnitTests", "Torch", "fixtures", "conv-silu.pt")))
        {
            entries = whole.Entries.ToDictionary(one => one.FullName, Bytes);
        }

        Write(archive =>
        {
            foreach ((string name, byte[] bytes) in entries)
            {
                bool changed = name.Contains('/' + entry, StringComparison.Ordinal) && !name.EndsWith("debug_pkl", StringComparison.Ordinal);
                Add(
                    archive, name,
                    changed
                        ? Encoding.Latin1.GetBytes(
                            Encoding.Latin1.GetString(bytes).Replace(
                                text + (entry == "version" ? "" : "conv2d"), other + (entry == "version" ? "" : "conv2d"), StringComparison.Ordinal))
                        : bytes);
            }
        });
        string refusal = Refused();
        Assert.StartsWith("unet/model.pt cannot be loaded by libtorch 2.10.0", refusal, StringComparison.Ordinal);
        Assert.Contains(said, refusal, StringComparison.Ordinal);
    }

    private static byte[] Bytes(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    [Fact]
    public void A_module_with_other_inputs_or_another_result_is_refused()
    {
        string small = Path.Combine(TestData.Root, "tests", "InverseSolver.UnitTests", "Torch", "fixtures", "conv-silu.pt");
        File.Copy(small, UNet, overwrite: true);
        Assert.Equal("unet/model.pt takes sample; the package states sample, timestep.", Refused());
        File.Copy(Path.Combine(OnnxPackage.Fixture("torchscript"), "unet", "model.pt"), UNet, overwrite: true);
        File.Copy(Path.Combine(_folder, "vae_decoder", "model.pt"), Path.Combine(_folder, "vae_encoder", "model.pt"), overwrite: true);
        Assert.StartsWith("vae_encoder/model.pt fails on (2, 1, 4, 4): 'RuntimeError: ", Refused(), StringComparison.Ordinal);
        File.Copy(small, Path.Combine(_folder, "vae_encoder", "model.pt"), overwrite: true);
        Assert.Equal("vae_encoder/model.pt makes (2, 1, 4, 4) of (2, 1, 4, 4); it must be (2, 2, 2, 2) or (2, 4, 2, 2).", Refused());
    }

    private string UNet => Path.Combine(_folder, "unet", "model.pt");

    private string Refused()
    {
        string message = Assert.Throws<InvalidModelException>(() => ModelPackage.Load(_folder)).Message;
        Assert.DoesNotContain(_folder, message, StringComparison.Ordinal);
        return message;
    }

    private void Write(Action<ZipArchive> fill)
    {
        using var archive = new ZipArchive(File.Create(UNet), ZipArchiveMode.Create);
        fill(archive);
    }

    private static void Add(ZipArchive archive, string name, byte[] bytes, CompressionLevel level = CompressionLevel.NoCompression)
    {
        using Stream entry = archive.CreateEntry(name, level).Open();
        entry.Write(bytes);
    }
}
