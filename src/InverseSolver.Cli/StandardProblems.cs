using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Cli;

/// <summary>The problems that evaluations and the demonstration use, by name; anything else is a file with a problem in JSON.</summary>
internal static class StandardProblems
{
    internal static IReadOnlyDictionary<string, Func<long, Problem>> All { get; } = new Dictionary<string, Func<long, Problem>>
    {
        ["randomInpainting"] = seed => new Inpainting(new RandomMask(0.7, seed)),
        ["boxInpainting"] = _ => new Inpainting(new BoxMask(48, 48)),
        ["superResolution4"] = _ => new SuperResolution(4),
        ["gaussianDeblurring"] = _ => new GaussianBlur(2),
        ["mri4"] = seed => new CartesianMri(new RandomKSpaceMask(4, 0.08, seed)),
        ["parallelMri4"] = seed => new ParallelMri(new RandomKSpaceMask(4, null, seed, 12)),
        ["motionDeblurring"] = seed => new MotionBlur(31, 0.5, seed),
        ["denoising"] = _ => new Denoising(),
        ["ct25"] = _ => new ComputedTomography(25),
        ["ct25Means"] = _ => new ComputedTomography(25, Projector: Projector.Mean),
        ["ctLimited"] = _ => new ComputedTomography(60, 0, 120),
        ["blurSuperResolutionInpainting"] = seed => new Composition([new GaussianBlur(1), new SuperResolution(2), new Inpainting(new RandomMask(0.3, seed))]),
        ["colourisation"] = _ => new Colourisation(),
        ["hadamard25"] = seed => new CompressedSensing(0.25, SensingTransform.Hadamard, seed),
        ["cosines25"] = seed => new CompressedSensing(0.25, SensingTransform.Cosine, seed),
        ["hdr"] = _ => new HighDynamicRange(),
        ["clipping"] = _ => new Clipping(),
        ["quantisation8"] = _ => new Quantisation(8),
        ["jpeg10"] = _ => new Jpeg(10),
        ["phaseRetrieval"] = _ => new PhaseRetrieval(),
        ["codedDiffraction"] = seed => new CodedDiffraction(Seed: seed),
    };

    /// <summary>A problem; random masks and kernels are drawn from <paramref name="seed"/>.</summary>
    internal static Problem Get(string name, long seed)
    {
        if (All.TryGetValue(name, out Func<long, Problem>? make))
        {
            return make(seed);
        }

        return File.Exists(name)
            ? CliJson.ReadProblem(File.ReadAllText(name))
            : throw new CommandException($"There is no problem and no file '{name}'. There is: {string.Join(", ", All.Keys)}.");
    }
}
