namespace InverseSolver.UnitTests.Diffusion;

/// <summary>Files that lie in the repository beside the tests.</summary>
internal static class TestData
{
    public static string Root => Repository.Root;

    public static string Golden(string name) => Path.Combine(Root, "tests", "InverseSolver.UnitTests", "golden", name);

    public static string Brain { get; } = Path.Combine(Root, "models", "brain-mri-128");

    /// <summary>A copy of a folder that the test may spoil; the caller deletes it.</summary>
    public static string Copy(string folder)
    {
        string copy = Directory.CreateTempSubdirectory("inverse-test-").FullName;
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(copy, Path.GetRelativePath(folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return copy;
    }
}
