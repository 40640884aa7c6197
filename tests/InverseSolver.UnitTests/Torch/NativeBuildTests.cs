using Xunit;

namespace InverseSolver.UnitTests.Torch;

public sealed class NativeBuildTests
{
    private static readonly string Script = Repository.File("src", "InverseSolver.Native", "build.sh");

    [Fact]
    public void A_missing_tool_is_named_with_its_package()
    {
        DirectoryInfo tools = Directory.CreateTempSubdirectory("inverse-tools-");
        try
        {
            // A path with nothing but what the script needs before it looks for cmake.
            foreach (string tool in new[] { "dirname", "bash" })
            {
                File.CreateSymbolicLink(Path.Combine(tools.FullName, tool), $"/usr/bin/{tool}");
            }

            (int exitCode, string output) = Repository.Run("/usr/bin/bash", [Script], [("PATH", tools.FullName)]);
            Assert.Equal(1, exitCode);
            Assert.Contains("error: cmake is missing: install the Debian package cmake", output, StringComparison.Ordinal);
        }
        finally
        {
            tools.Delete(recursive: true);
        }
    }
}
