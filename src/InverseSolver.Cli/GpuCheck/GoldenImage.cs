using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Weights;
using InverseSolver.Reconstruction;

namespace InverseSolver.Cli.GpuCheck;

/// <summary>The image in a package's golden.safetensors: something to reconstruct where no image can be decoded.</summary>
internal static class GoldenImage
{
    /// <summary>The first image, (C, H, W) on [0,1].</summary>
    internal static ArrayData Read(string folder)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using SafetensorsFile golden = SafetensorsFile.Open(Path.Combine(folder, GoldenCheck.FileName));
        Tensor image = ((golden.Read("image").to(ScalarType.Float32).select(0, 0) + 1.0) * 0.5).clamp(0, 1);
        return new ArrayData([.. image.shape.Select(n => (int)n)], image.ToFloats());
    }
}
