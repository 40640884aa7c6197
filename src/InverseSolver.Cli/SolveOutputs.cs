using InverseSolver.Diffusion;
using InverseSolver.Imaging;
using InverseSolver.Solvers;

namespace InverseSolver.Cli;

/// <summary>The files that <c>inverse solve</c> leaves, as the service's artefacts are named.</summary>
internal static class SolveOutputs
{
    /// <summary>The image, and what shows how it came about.</summary>
    internal static void WriteArrays(string folder, ReconstructionResult result)
    {
        ArrayFiles.WriteNpy(Path.Combine(folder, "result.npy"), result.Image);
        ArrayFiles.WritePng(Path.Combine(folder, "result.png"), result.Image);
        ArrayFiles.WritePng(Path.Combine(folder, "result16.png"), result.Image, 16);
        if (result.MriArrays is { } mri)
        {
            ArrayFiles.WriteNpy(Path.Combine(folder, "complex.npy"), mri.Image);
            ArrayFiles.WriteNpy(Path.Combine(folder, "maps.npy"), mri.Maps);
            ArrayFiles.WriteNpy(Path.Combine(folder, "kspace.npy"), mri.KSpace);
            if (mri.Mask is { } used) ArrayFiles.WriteNpy(Path.Combine(folder, "mask.npy"), used);
        }

        if (result.Mask is { } mask) ArrayFiles.WritePng(Path.Combine(folder, "mask.png"), mask);
        if (result.Deviation is { } deviation)
        {
            ArrayFiles.WriteNpy(Path.Combine(folder, "deviation.npy"), deviation);
            ArrayFiles.WritePng(Path.Combine(folder, "deviation.png"), result.DeviationPicture!);
        }
    }

    /// <summary>The result as a scan, where the measurement is one or a reference was named; null elsewhere.</summary>
    internal static DerivedReport? WriteDerived(string folder, FormatReader reader, LoadedInputs inputs, ReconstructionResult result, string solver, LatentModel model)
    {
        if (inputs.Reference is null && !inputs.Origin.IsScan && result.Mri is null) return null;
        ArrayData image = result.Image;
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(reader, new DerivedImages
        {
            Values = image.Values,
            Slices = image.Shape.Length == 4 ? image.Shape[0] : 1,
            Channels = image.Shape[^3],
            Rows = image.Shape[^2],
            Columns = image.Shape[^1],
            Scale = result.Mri?.Scale ?? inputs.Origin.Scale,
            Offset = inputs.Origin.Offset,
            Origin = inputs.Origin,
            Reference = inputs.Reference,
            Solver = solver,
            Model = model.Info.Id,
            ModelHash = model.Info.Hash,
            Ratio = result.Consistency.Ratio,
            Warnings = result.Warnings,
            SoftwareVersion = typeof(SolveOutputs).Assembly.GetName().Version!.ToString(3),
        });
        foreach (DerivedFile file in files) File.WriteAllBytes(Path.Combine(folder, file.Name), file.Bytes);
        return report;
    }
}
