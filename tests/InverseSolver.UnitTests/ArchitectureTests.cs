using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests;

/// <summary>Which project may use which: the arrows of the layout.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["Torch"] = [],
        ["ModuleCheck"] = ["Torch"],
        ["Imaging"] = [],
        ["Diffusion"] = ["ModuleCheck", "Torch"],
        ["Reconstruction"] = ["Diffusion", "Imaging"],
        ["Service"] = ["Reconstruction", "Imaging"],
        ["Cli"] = ["Client", "Reconstruction", "Imaging", "Service"],
        ["Client"] = [],
    };

    // Those that declare native functions, whose generated code is unsafe.
    private static readonly string[] Native =
        ["InverseSolver.Torch", "InverseSolver.Diffusion", "InverseSolver.Service", "InverseSolver.UnitTests"];

    [Fact]
    public void Projects_use_only_the_projects_below_them()
    {
        Dictionary<string, string[]> found = Projects("src").ToDictionary(
            p => Path.GetFileNameWithoutExtension(p)["InverseSolver.".Length..],
            p => (string[])[.. XDocument.Load(p).Descendants("ProjectReference")
                .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/'))["InverseSolver.".Length..])]);
        Assert.Equal(Arrows.Keys.Order(), found.Keys.Order());
        Assert.All(Arrows, arrow => Assert.Equal(arrow.Value.Order(), found[arrow.Key].Order()));
    }

    [Fact]
    public void Unsafe_code_stays_where_native_code_is_called()
    {
        string[] allowing = [.. Projects("src").Concat(Projects("tests"))
            .Where(p => XDocument.Load(p).Descendants("AllowUnsafeBlocks").Any(e => bool.Parse(e.Value)))
            .Select(p => Path.GetFileNameWithoutExtension(p)!)];
        Assert.Equal(Native.Order(), allowing.Order());
        Assert.DoesNotContain("AllowUnsafeBlocks", File.ReadAllText(Path.Combine(TestData.Root, "Directory.Build.props")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Torch", "TorchSharp", "libtorch-cpu-linux-x64", "TorchSharp-cuda-linux")]
    [InlineData("Diffusion", "Google.Protobuf", "Microsoft.ML.OnnxRuntime", "Microsoft.ML.OnnxRuntime.Gpu.Linux")]
    [InlineData("Reconstruction")]
    public void Solvers_and_networks_know_no_files_of_requests_and_no_host(string name, params string[] packages)
    {
        XDocument project = XDocument.Load(Path.Combine(TestData.Root, "src", $"InverseSolver.{name}", $"InverseSolver.{name}.csproj"));
        Assert.Equal(packages, project.Descendants("PackageReference").Select(p => p.Attribute("Include")!.Value));
        Assert.Empty(project.Descendants("FrameworkReference"));
        Assert.Equal("Microsoft.NET.Sdk", project.Root!.Attribute("Sdk")!.Value);
    }

    // What TorchSharp passes on without a guard, so that an error ends the process, and torch.tensor of arrays, whose memory is the managed array's.
    private static readonly string[] Unguarded =
    [
        "Tensor.matmul", "torch.matmul", "autograd.grad", "Generator.set_state", "torch.set_num_threads", "torch.set_num_interop_threads",
        "linalg.vector_norm", "linalg.matrix_norm", "torch.tensor", "torch.from_array", "torch.as_tensor", "jit.load", "jit.compile",
    ];

    [Theory]
    [InlineData("InverseSolver.Diffusion")]
    [InlineData("InverseSolver.Reconstruction")]
    [InlineData("InverseSolver.UnitTests")]
    [InlineData("inverse")]
    public void Calls_of_libtorch_that_can_end_the_process_are_not_used(string assembly)
    {
        using var file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, assembly + ".dll")));
        MetadataReader metadata = file.GetMetadataReader();
        string[] used = [.. metadata.MemberReferences.Select(metadata.GetMemberReference)
            .Where(member => member.Parent.Kind == HandleKind.TypeReference)
            .Select(member => $"{metadata.GetString(metadata.GetTypeReference((TypeReferenceHandle)member.Parent).Name)}.{metadata.GetString(member.Name)}")];
        Assert.Contains(used, name => name.StartsWith("torch.", StringComparison.Ordinal));
        Assert.Empty(used.Intersect(Unguarded));
    }

    [Fact]
    public void The_files_from_HTTP_to_a_step_of_a_solver_are_listed_and_are_few()
    {
        string page = File.ReadAllText(Path.Combine(TestData.Root, "docs", "architecture.md"));
        string[] files = [.. ListedFile().Matches(page).Select(match => match.Groups[1].Value)];
        Assert.InRange(files.Length, 5, 15);
        Assert.Equal(files.Length, files.Distinct().Count());
        Assert.All(files, file => Assert.True(File.Exists(Path.Combine(TestData.Root, "src", file)), file));
    }

    // Folders in which each problem, operator, solver or part of a scan is a file of its own.
    private static readonly string[] Large =
        ["InverseSolver.Imaging/Mri", "InverseSolver.Reconstruction/Mri", "InverseSolver.Reconstruction/Operators",
         "InverseSolver.Reconstruction/Problems", "InverseSolver.Reconstruction/Solvers"];

    [Fact]
    public void A_folder_holds_at_most_20_files()
    {
        IEnumerable<string> larger = Sources().GroupBy(file => Path.GetDirectoryName(file)!).Where(folder => folder.Count() > 20).Select(folder => folder.Key);
        Assert.Empty(larger.Except(Large));
    }

    [Fact]
    public void A_namespace_is_the_path_of_its_folder()
    {
        // Imaging is one namespace, and ArrayData stands in the one that every project sees. A file without a namespace holds a program or attributes.
        Assert.All(Sources(), file =>
        {
            Match match = Namespace().Match(File.ReadAllText(Path.Combine(TestData.Root, "src", file)));
            bool imaging = file.StartsWith("InverseSolver.Imaging/", StringComparison.Ordinal);
            string folder = imaging ? "InverseSolver.Imaging" : Path.GetDirectoryName(file)!.Replace('/', '.');
            Assert.Equal(file == "InverseSolver.Imaging/ArrayData.cs" ? "InverseSolver" : folder, match.Success ? match.Groups[1].Value : folder);
        });
    }

    [Fact]
    public void A_line_has_at_most_160_characters()
    {
        string[] ours = ["src", "tests", "scripts", "deploy"], kinds = [".cs", ".cpp", ".h", ".sh", ".py"];
        IEnumerable<string> files = ours.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(TestData.Root, folder), "*", SearchOption.AllDirectories))
            .Where(file => kinds.Contains(Path.GetExtension(file)) && !file.Split('/').Intersect(["bin", "obj", "node_modules", "generated"]).Any());
        Assert.Empty(files.SelectMany(file => File.ReadLines(file).Select((line, i) => (line.Length, Place: $"{file}:{i + 1}")))
            .Where(line => line.Length > 160).Select(line => line.Place));
    }

    [Fact]
    public void A_summary_begins_with_its_subject() => Assert.DoesNotContain(
        Sources(), file => DependentSummary().IsMatch(File.ReadAllText(Path.Combine(TestData.Root, "src", file))));

    [GeneratedRegex(@"<summary>\s*(///)?\s*(What|Whether|Where|Why|How)\b")]
    private static partial Regex DependentSummary();

    private static string[] Sources() =>
    [
        .. Directory.EnumerateFiles(Path.Combine(TestData.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Path.Combine(TestData.Root, "src"), file))
            .Where(file => !file.Split('/').Intersect(["bin", "obj"]).Any()),
    ];

    [GeneratedRegex("^namespace ([^;]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^\d+\. `(InverseSolver\.[^`]+\.cs)`", RegexOptions.Multiline)]
    private static partial Regex ListedFile();

    private static IEnumerable<string> Projects(string folder) =>
        Directory.EnumerateDirectories(Path.Combine(TestData.Root, folder)).SelectMany(d => Directory.EnumerateFiles(d, "*.csproj"));
}
