using System.Xml.Linq;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests;

/// <summary>Which project may use which: the arrows of the layout.</summary>
public sealed class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["Torch"] = [],
        ["Imaging"] = [],
        ["OnnxRuntime"] = [],
        ["Diffusion"] = ["OnnxRuntime", "Torch"],
        ["Solvers"] = ["Diffusion"],
        ["Service"] = ["Solvers", "Imaging"],
        ["Cli"] = ["Solvers", "Imaging"],
    };

    // Those that declare native functions, whose generated code is unsafe.
    private static readonly string[] Native =
        ["InverseSolver.OnnxRuntime", "InverseSolver.Torch", "InverseSolver.Diffusion", "InverseSolver.Service", "InverseSolver.UnitTests"];

    [Fact]
    public void Projects_use_only_the_projects_below_them()
    {
        Dictionary<string, string[]> found = Projects("src").ToDictionary(
            p => Path.GetFileNameWithoutExtension(p)["InverseSolver.".Length..],
            p => (string[])[.. XDocument.Load(p).Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/'))["InverseSolver.".Length..])]);
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

    [Fact]
    public void Solvers_and_networks_know_no_files_of_requests_and_no_host()
    {
        Assert.All(["Torch", "Diffusion", "Solvers"], name =>
        {
            XDocument project = XDocument.Load(Path.Combine(TestData.Root, "src", $"InverseSolver.{name}", $"InverseSolver.{name}.csproj"));
            Assert.Empty(project.Descendants("PackageReference"));
            Assert.Empty(project.Descendants("FrameworkReference"));
            Assert.Equal("Microsoft.NET.Sdk", project.Root!.Attribute("Sdk")!.Value);
        });
    }

    private static IEnumerable<string> Projects(string folder) =>
        Directory.EnumerateDirectories(Path.Combine(TestData.Root, folder)).SelectMany(d => Directory.EnumerateFiles(d, "*.csproj"));

    [Fact]
    public void The_project_of_ONNX_Runtime_holds_nothing_of_ours_and_takes_the_package_by_one_property()
    {
        string folder = Path.Combine(TestData.Root, "src", "InverseSolver.OnnxRuntime");
        Assert.Empty(Directory.EnumerateFiles(folder, "*.cs"));
        XDocument project = XDocument.Load(Path.Combine(folder, "InverseSolver.OnnxRuntime.csproj"));
        XElement package = Assert.Single(project.Descendants("PackageReference"));
        Assert.Equal("Microsoft.ML.OnnxRuntime.Gpu", package.Attribute("Include")!.Value);
        Assert.Equal("'$(OnnxRuntimePackage)' == 'true'", package.Parent!.Attribute("Condition")!.Value);
    }
}
