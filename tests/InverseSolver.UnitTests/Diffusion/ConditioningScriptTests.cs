using System.Diagnostics;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Weights;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>scripts/write-conditioning.py, with stand-ins for the packages that it imports: of them only the calls are of interest.</summary>
[LeavesNoTensors]
public sealed class ConditioningScriptTests : IDisposable
{
    private static readonly string Script = Path.Combine(TestData.Root, "scripts", "write-conditioning.py");

    // A token is the letter's number; the encoder repeats it, and adds the position.
    private const string Transformers = """
        class Values:
            def __init__(self, rows): self.rows = rows
            def __getitem__(self, i): return Values(self.rows[i])
            def contiguous(self): return self

        class CLIPTokenizer:
            model_max_length = 7
            @staticmethod
            def from_pretrained(folder, subfolder):
                assert subfolder == "tokenizer"
                return CLIPTokenizer()
            def __call__(self, text, padding, max_length, truncation, return_tensors):
                assert (padding, truncation, return_tensors) == ("max_length", True, "pt")
                self.input_ids = ([ord(c) for c in text] + [0] * max_length)[:max_length]
                return self

        class CLIPTextModel:
            @staticmethod
            def from_pretrained(folder, subfolder):
                assert subfolder == "text_encoder"
                return CLIPTextModel()
            def float(self): return self
            def __call__(self, tokens): return (Values([[[t + i / 8] * 24 for i, t in enumerate(tokens)]]), None)
        """;

    private const string Safetensors = """
        import json, struct
        def save_file(tensors, path):
            header, data = {}, b""
            for name, t in tensors.items():
                raw = b"".join(struct.pack("<f", v) for row in t.rows for v in row)
                header[name] = {"dtype": "F32", "shape": [len(t.rows), len(t.rows[0])], "data_offsets": [len(data), len(data) + len(raw)]}
                data += raw
            text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
            open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)
        """;

    private const string Torch = """
        import contextlib
        no_grad = contextlib.nullcontext
        """;

    private readonly StableDiffusionPackage _package = new();
    private readonly string _modules = Directory.CreateTempSubdirectory("inverse-test-").FullName;

    public void Dispose()
    {
        _package.Dispose();
        Directory.Delete(_modules, recursive: true);
    }

    [Fact]
    public void The_script_stands_in_the_document_as_it_is() =>
        Assert.Contains(
            "```python\n" + File.ReadAllText(Script) + "```\n", File.ReadAllText(Path.Combine(TestData.Root, "docs", "models.md")), StringComparison.Ordinal);

    [Fact]
    public void What_it_writes_is_what_the_model_is_told()
    {
        File.WriteAllText(Path.Combine(_modules, "transformers.py"), Transformers);
        File.WriteAllText(Path.Combine(_modules, "torch.py"), Torch);
        Directory.CreateDirectory(Path.Combine(_modules, "safetensors"));
        File.WriteAllText(Path.Combine(_modules, "safetensors", "__init__.py"), "");
        File.WriteAllText(Path.Combine(_modules, "safetensors", "torch.py"), Safetensors);

        Run(_package.Folder);
        using (SafetensorsFile file = SafetensorsFile.Open(Path.Combine(_package.Folder, "conditioning.safetensors")))
        {
            Assert.Equal(["embedding"], file.Entries.Keys);
            using Tensor empty = file.Read("embedding");
            Assert.Equal([7L, 24], empty.shape);
            Assert.Equal(0.75f, empty.ToFloats()[^1]);
        }

        Run(_package.Folder, "A");
        _package.Card("""{"conditioning": {"prompt": "A", "guidanceScale": 2}}""");
        using (SafetensorsFile file = SafetensorsFile.Open(Path.Combine(_package.Folder, "conditioning.safetensors")))
        {
            using Tensor wanted = file.Read("embedding"), other = file.Read("unconditional");
            Assert.Equal((65f, 0f), (wanted.ToFloats()[0], other.ToFloats()[0]));
        }

        using LatentModel model = ModelPackage.Load(_package.Folder);
        Assert.Equal("A", model.Info.Conditioning!.Prompt);
    }

    private void Run(params string[] arguments)
    {
        const string Python = "/usr/bin/python3";
        Assert.SkipUnless(File.Exists(Python), "python3 is not installed.");
        var start = new ProcessStartInfo(Python, ["-B", Script, .. arguments]) { RedirectStandardError = true };
        start.Environment["PYTHONPATH"] = _modules;
        using Process process = Process.Start(start)!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
    }
}
